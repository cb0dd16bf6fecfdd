"""What the service depends on fails under load: every request is served or told to come back, in time."""

import resource
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import psycopg2
import pytest

from tests.auth_server import AuthServer, SigningKey, drip
from tests.load import PAUSE, Client, Request, at_once, clients, everybody_meets, meanwhile
from tests.people import SECRET
from tests.postgres import Postgres
from tests.service import Service
from tests.unavailable import refused
from todo_service.auth.key_set import FETCH_SECONDS, REFILL_SECONDS
from todo_service.db.deadlines import CONNECT_SECONDS, LOCK_SECONDS

SLACK = 4  # seconds by which a busy machine may exceed a limit


@pytest.fixture
def on_postgres(own_postgres: Postgres, tmp_path: Path) -> Iterator[Service]:
    """The service on an empty database."""
    url = own_postgres.create(tmp_path.name)
    with Service(settings(url), tmp_path) as service:
        yield service


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Service]:
    with Service(settings(f"sqlite:///{tmp_path}/todo.db"), tmp_path) as service:
        yield service


def settings(database_url: str) -> dict[str, str]:
    return {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": database_url, "RATE_LIMIT": ""}


def check_answers(writers: list[Client], within: float) -> None:
    """Every request was answered within so many seconds: served, or told to come back, as each writer was."""
    for writer in writers:
        assert max(request.ended - request.began for request in writer.requests) < within
        answers = [request.answer for request in writer.requests if not request.served]
        assert answers
        for answer in answers:
            assert answer is not None
            assert refused(answer), answer.text


def check_recovery(writers: list[Client], service: Service) -> None:
    """From now on everybody is served, and at once."""
    assert all(request.served for request in everybody_meets(writers, service, served=True))


def test_a_postgresql_that_is_killed_costs_no_acknowledged_write(
    own_postgres: Postgres, on_postgres: Service
) -> None:
    with clients(on_postgres) as writers:
        with meanwhile(*(writer.write_and_read for writer in writers)):
            for _ in range(3):
                everybody_meets(writers, on_postgres, served=True)
                own_postgres.kill()
                for _ in range(2):
                    everybody_meets(writers, on_postgres, served=False)
                own_postgres.start()
                check_recovery(writers, on_postgres)
        check_answers(writers, within=CONNECT_SECONDS + SLACK)
        for writer in writers:
            writer.check_writes(on_postgres)
    assert "Traceback" not in on_postgres.output


def test_who_meets_a_locked_table_of_postgresql_is_told_in_time(
    own_postgres: Postgres, on_postgres: Service, tmp_path: Path
) -> None:
    with clients(on_postgres) as writers, closing(psycopg2.connect(own_postgres.url(tmp_path.name))) as other:
        with meanwhile(*(writer.write_and_read for writer in writers)):
            everybody_meets(writers, on_postgres, served=True)
            other.cursor().execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
            for _ in range(2):
                everybody_meets(writers, on_postgres, served=False)
            other.rollback()
            check_recovery(writers, on_postgres)
        check_answers(writers, within=LOCK_SECONDS + SLACK)
        for writer in writers:
            writer.check_writes(on_postgres)


def waiting_for_locks(database_url: str) -> int:
    """How many connections wait for a lock in this database of PostgreSQL's."""
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        (row,) = cursor.fetchall()
        return int(row[0])


def test_who_comes_while_every_connection_waits_for_a_lock_has_a_turn_when_that_times_out(
    own_postgres: Postgres, tmp_path: Path
) -> None:
    """All connections are taken meanwhile; who needs none, like /health, does not wait for one."""
    environment = {**settings(own_postgres.create(tmp_path.name)), "WEB_CONCURRENCY": "1", "THREADS": "2"}
    with (
        Service(environment, tmp_path) as service,
        closing(psycopg2.connect(environment["DATABASE_URL"])) as other,
        ThreadPoolExecutor(2) as threads,
    ):
        assert service.call("ada", "POST", json={"title": "first"}).status_code == 201
        other.cursor().execute("UPDATE users SET name = 'locked' WHERE id = 'ada'")
        waiting = [threads.submit(service.call, "ada", "POST", json={"title": "x"}) for _ in range(2)]
        service.wait_until(lambda: waiting_for_locks(environment["DATABASE_URL"]) == 2)
        began = time.monotonic()
        assert service.http.get("/health").status_code == 200
        assert service.call("bob", "GET").json() == []
        assert time.monotonic() - began < LOCK_SECONDS + SLACK
        assert all(refused(answer.result()) for answer in waiting)
        other.rollback()
        assert service.call("ada", "POST", json={"title": "second"}).status_code == 201


def test_a_locked_table_keeps_nobody_waiting_for_those_who_wait_for_it(on_postgres: Service) -> None:
    on_postgres.call("ada", "POST", json={"title": "first"})
    with closing(psycopg2.connect(on_postgres.environment["DATABASE_URL"])) as other:
        other.cursor().execute("LOCK TABLE tasks")
        began = time.monotonic()
        with ThreadPoolExecutor(65) as threads:
            waiting = [threads.submit(on_postgres.call, f"person-{n}", "GET") for n in range(64)]
            on_postgres.wait_until(lambda: waiting_for_locks(on_postgres.environment["DATABASE_URL"]) >= 8)
            assert threads.submit(on_postgres.http.get, "/health").result().status_code == 200
            assert time.monotonic() - began < LOCK_SECONDS + SLACK
            assert all(refused(answer.result()) for answer in waiting)
        assert time.monotonic() - began < LOCK_SECONDS + SLACK
        other.rollback()
    assert on_postgres.call("ada", "GET").status_code == 200


def test_who_meets_a_locked_sqlite_file_is_told_in_time(on_sqlite: Service, tmp_path: Path) -> None:
    with (
        clients(on_sqlite) as writers,
        closing(sqlite3.connect(tmp_path / "todo.db", isolation_level=None)) as other,
    ):
        with meanwhile(*(writer.write_and_read for writer in writers)):
            everybody_meets(writers, on_sqlite, served=True)
            other.execute("BEGIN IMMEDIATE")
            everybody_meets(writers, on_sqlite, served=False)
            other.rollback()
            check_recovery(writers, on_sqlite)
        check_answers(writers, within=LOCK_SECONDS + SLACK)
        for writer in writers:
            writer.check_writes(on_sqlite)


def test_everybody_gets_a_turn_on_sqlite_beside_a_process_that_hardly_rests(
    on_sqlite: Service, tmp_path: Path
) -> None:
    assert on_sqlite.call("ada", "POST", json={"title": "first"}).status_code == 201
    with closing(
        sqlite3.connect(tmp_path / "todo.db", isolation_level=None, check_same_thread=False)
    ) as other:

        def write_for_long() -> None:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(0.05)
            other.rollback()
            time.sleep(0.002)

        with meanwhile(write_for_long):
            added = [
                at_once(8, lambda _: on_sqlite.call("ada", "POST", json={"title": "x"})) for _ in range(4)
            ]
    assert {answer.status_code for answers in added for answer in answers} == {201}


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """Let no process that is started meanwhile write more than so many bytes into a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_sqlite_without_room_is_read_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """The limit stands in for a full disk, as which it looks to SQLite, and needs no privileges; room is
    made by moving what has been written from the log, which is full, to the database."""
    with ExitStack() as stack:
        with files_limited_to(2_000_000):
            service = stack.enter_context(Service(settings(f"sqlite:///{tmp_path}/todo.db"), tmp_path))
        writers = stack.enter_context(clients(service))
        other = stack.enter_context(closing(sqlite3.connect(tmp_path / "todo.db")))
        with meanwhile(*(writer.write_and_read for writer in writers)):
            everybody_meets(writers, service, served=False)
            asked = everybody_meets(writers, service, served=False)
        assert {(request.method, request.served) for request in asked} == {("GET", True), ("POST", False)}
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for writer in writers:
            writer.write_and_read()
            writer.check_writes(service)
            assert [request.served for request in writer.requests[-2:]] == [True, True]
        check_answers(writers, within=SLACK)
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_an_sqlite_file_that_may_only_be_read_is_read(on_sqlite: Service, tmp_path: Path) -> None:
    task = on_sqlite.call("ada", "POST", json={"title": "kept"}).json()
    with Service(settings(f"sqlite:///file:{tmp_path}/todo.db?mode=ro&uri=true"), tmp_path) as reading:
        assert refused(reading.call("ada", "POST", json={"title": "x"}))
        assert refused(reading.call("ada", "DELETE", f"/api/tasks/{task['id']}"))
        assert reading.call("ada", "GET").json() == [task]
        assert refused(reading.http.get("/health/ready"))
        assert "Traceback" not in reading.output


@pytest.fixture
def trusting(auth_server: AuthServer, tmp_path: Path) -> Iterator[Service]:
    """The service, with one worker, that knows the auth server's key."""
    urls = {**settings(f"sqlite:///{tmp_path}/todo.db"), "BETTER_AUTH_URL": auth_server.url}
    with Service({**urls, "WEB_CONCURRENCY": "1"}, tmp_path) as service:
        assert is_welcome(service, auth_server.token())
        yield service


def is_welcome(service: Service, token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"}
    return service.http.get("/api/tasks", headers=headers).status_code == 200


def test_who_is_known_does_not_notice_that_the_auth_server_is_slow_and_broken(
    auth_server: AuthServer, trusting: Service
) -> None:
    key = SigningKey()
    with (
        clients(trusting, auth_server.token) as known,
        clients(trusting, lambda user: key.sign(auth_server.claims(user))) as strangers,
    ):
        with meanwhile(*(client.write_and_read for client in known)):
            auth_server.answer = drip
            with meanwhile(*(partial(knock, client) for client in strangers)):
                everybody_meets(strangers, trusting, served=False)
            everybody_meets(known, trusting, served=True)
            auth_server.answer = auth_server.publish
            new = auth_server.rotate().sign(auth_server.claims())
            # The longer strangers have knocked, the more of the fetches that are allowed are used up.
            trusting.wait_until(lambda: is_welcome(trusting, new), 3 * REFILL_SECONDS)
        for client in known:
            assert all(request.served for request in client.requests)
            client.check_writes(trusting)
        for client in strangers:
            assert all(is_turned_away(request) for request in client.requests)


def knock(stranger: Client) -> None:
    stranger.send("GET")
    time.sleep(PAUSE)


def is_turned_away(request: Request) -> bool:
    """Whether somebody whose key is not known heard so, or that it cannot be known now."""
    assert request.answer is not None
    assert request.ended - request.began < FETCH_SECONDS + SLACK
    assert "Retry-After" in request.answer.headers or request.answer.status_code == 401
    return request.answer.status_code in (401, 503)
