"""A database that is away, slow or exhausted: 503 within bounds, and recovery by itself (contract §1)."""

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Response, g
from sqlalchemy import Connection, QueuePool, event, text
from sqlalchemy.exc import DBAPIError
from werkzeug.test import TestResponse

from tests.conftest import MakeApp
from tests.database_events import app_engine, listening
from tests.log_lines import LogLines
from tests.people import SECRET, Person, body
from tests.postgres import Postgres
from tests.service import Service
from tests.unavailable import refused
from tests.waiting import wait_until
from todo_service import create_app
from todo_service.config import Settings
from todo_service.db import deadlines
from todo_service.db.deadlines import CONNECT_SECONDS
from todo_service.db.engine import TRUSTED_IDLE_SECONDS
from todo_service.db.transactions import execute, fetch, transaction
from todo_service.extensions import db

CREATE = {"op": "create", "task": {"title": "x"}}


@pytest.fixture
def settings(own_postgres: Postgres) -> dict[str, str]:
    return {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": own_postgres.url(), "RATE_LIMIT": ""}


def test_the_running_service_outlives_a_stop_of_postgresql(
    own_postgres: Postgres, settings: dict[str, str], tmp_path: Path
) -> None:
    with Service(settings, tmp_path) as service:
        task = service.call("ada", "POST", json={"title": "kept"}).json()
        own_postgres.stop()
        for _ in range(20):  # every pooled connection of both workers, and some
            assert refused(service.call("ada", "GET"))
            assert refused(service.call("ada", "POST", json={"title": "lost"}))
        assert refused(service.http.get("/health/ready"))
        assert service.http.get("/health").status_code == 200
        own_postgres.start()
        for _ in range(20):
            assert service.call("ada", "GET").json() == [task]
        service.wait_until(lambda: service.http.get("/health/ready").status_code == 200)
        assert "Traceback" not in service.output


def test_a_restart_between_two_requests_goes_unnoticed(
    own_postgres: Postgres, settings: dict[str, str]
) -> None:
    ada = Person(create_app(Settings.from_environ(settings)).test_client(), "ada-2")
    task = ada.adds()
    own_postgres.stop()
    own_postgres.start()
    assert body(ada.get()) == [task]


def test_a_database_that_dies_behind_the_answer_does_not_undo_it(
    own_postgres: Postgres, settings: dict[str, str]
) -> None:
    app = create_app(Settings.from_environ(settings))

    @app.after_request
    def cut_connections(response: Response) -> Response:
        others = "SELECT pid FROM pg_stat_activity WHERE datname = 'postgres' AND pid <> pg_backend_pid()"
        own_postgres.psql(f"SELECT pg_terminate_backend(pid, 1000) FROM ({others})")
        return response

    ada = Person(app.test_client(), "ada-5")
    task = ada.adds()
    for _ in range(10):
        assert body(ada.get()) == [task]
    for _ in range(5):
        ada.adds()
    assert len(body(ada.get())) == 6


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "key"}], ids=["without a key", "with one"])
def test_a_commit_whose_answer_is_lost_is_not_sent_again(
    settings: dict[str, str], headers: dict[str, str]
) -> None:
    app = create_app(Settings.from_environ(settings))
    ada = Person(app.test_client(), f"ada-6-{len(headers)}")
    ada.adds()

    commits = []

    def commit_and_cut(_connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if statement == "COMMIT":
            commits.append(cursor.execute(statement))
            cursor.connection.close()

    with listening(app_engine(app), "before_cursor_execute", commit_and_cut):
        assert refused(ada.post(json={"title": "once"}, headers=headers))
    assert len(commits) == 1
    assert ada.titles() == ["once", "Pay rent"]


def test_the_service_starts_while_the_database_is_away_and_serves_when_it_comes(
    own_postgres: Postgres, settings: dict[str, str], tmp_path: Path
) -> None:
    url = own_postgres.create("comes-later")
    own_postgres.stop()
    with Service({**settings, "DATABASE_URL": url}, tmp_path) as service:
        assert service.http.get("/health").status_code == 200
        assert refused(service.call("ada", "GET"))
        own_postgres.start()
        assert service.call("ada", "POST", json={"title": "x"}).status_code == 201


@pytest.fixture
def frozen_at(own_postgres: Postgres) -> Iterator[Callable[[str], Callable[..., None]]]:
    """Listeners that stop all of PostgreSQL's processes, once, as is told of this statement or of any; they
    go on at the end at the latest."""
    stopped: list[str] = []

    def freeze(at: str) -> Callable[..., None]:
        def stop(*told: object) -> None:
            if at not in stopped and (not at.isupper() or at in told):
                stopped.append(at)
                own_postgres.signal(signal.SIGSTOP)

        return stop

    yield freeze
    own_postgres.signal(signal.SIGCONT)


# The event or statement at which the server freezes, and a request that then waits for what comes behind it.
WAITS: dict[str, tuple[str, Callable[[Person], TestResponse]]] = {
    "a new connection": ("do_connect", lambda ada: ada.get()),
    "the check of an idle connection": ("checkout", lambda ada: ada.get()),
    "a statement": ("before_cursor_execute", lambda ada: ada.get()),
    "BEGIN": ("before_cursor_execute", lambda ada: ada.post(json={"title": "lost"})),
    "COMMIT": ("COMMIT", lambda ada: ada.post(json={"title": "lost"})),
    "ROLLBACK": ("ROLLBACK", lambda ada: ada.put("/api/tasks/42", json={"title": "lost"})),
    "the look for readiness": ("before_cursor_execute", lambda ada: ada.get("/health/ready")),
}


@pytest.mark.parametrize(("at", "request_"), WAITS.values(), ids=WAITS)
def test_a_frozen_server_is_not_waited_for(
    own_postgres: Postgres,
    settings: dict[str, str],
    frozen_at: Callable[[str], Callable[..., None]],
    at: str,
    request_: Callable[[Person], TestResponse],
) -> None:
    app = create_app(Settings.from_environ(settings))
    ada = Person(app.test_client(), "ada-3")
    wait_until(lambda: ada.get().status_code == 200)  # what others waited for in vain has made it hasty
    task = ada.adds()
    with app.app_context():
        engine = db.engine
    if at == "do_connect":
        engine.dispose()
    if at == "checkout":
        time.sleep(TRUSTED_IDLE_SECONDS)  # it lies idle: nothing happens that could be waited for
    name = "before_cursor_execute" if at.isupper() else at
    event.listen(engine, name, frozen_at(at), insert=True)
    with deadlines.answer_within(2):
        assert refused(request_(ada))
    assert cast(QueuePool, engine.pool).checkedout() == 0
    own_postgres.signal(signal.SIGCONT)
    wait_until(lambda: (answer := ada.get()).status_code == 200 and task in body(answer))


def test_who_comes_behind_a_wait_in_vain_waits_shortly(
    own_postgres: Postgres, settings: dict[str, str]
) -> None:
    """Otherwise those who wait for a thread while others wait for a frozen server would all do so, too."""
    ada = Person(create_app(Settings.from_environ(settings)).test_client(), "ada-8")
    wait_until(lambda: ada.get().status_code == 200)
    ada.adds()
    own_postgres.signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        with deadlines.answer_within(2):
            assert all(refused(ada.get()) for _ in range(10))
        assert time.monotonic() - began < 5 * CONNECT_SECONDS  # and not nearly ten times that
    finally:
        own_postgres.signal(signal.SIGCONT)
    wait_until(lambda: ada.get().status_code == 200)


def test_a_slow_statement_is_cut_off(settings: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    wait_until(is_patient)
    app = create_app(Settings.from_environ(settings))

    @app.get("/slow")
    def slow() -> str:
        fetch(text("SELECT pg_sleep(60)"))
        return "never"

    assert refused(app.test_client().get("/slow"))
    assert "canceling statement due to statement timeout" in LogLines(capfd).text


def is_patient() -> bool:
    """Whether all waits last as long as they may: for a while after one in vain they do not."""
    return deadlines.answers.seconds(1) == 1


def test_a_request_of_many_slow_statements_is_cut_off(make_app: MakeApp, log_lines: LogLines) -> None:
    app = make_app()
    app.before_request(lambda: deadlines.begin_request(0.5))
    ada = Person(app.test_client(), "ada")
    with listening(app_engine(app), "after_cursor_execute", lambda *_: time.sleep(0.2)):
        assert refused(ada.post("/api/tasks/batch", json={"operations": [CREATE] * 50}))
    assert len(log_lines.all("The database is unavailable: the request has taken too long")) == 1
    assert log_lines.one("request")["db_statements"] <= 4
    assert body(ada.get()) == []


def test_a_process_that_freezes_while_it_writes_locks_its_user_out_for_a_moment_only(
    settings: dict[str, str],
) -> None:
    ada = Person(create_app(Settings.from_environ(settings)).test_client(), "ada-5")
    wait_until(lambda: ada.get().status_code == 200)
    ada.adds()
    frozen = create_app(Settings.from_environ(settings))
    with frozen.app_context(), transaction():
        execute(text("UPDATE users SET name = 'locked' WHERE id = 'ada-5'"))
        with suppress(DBAPIError), ThreadPoolExecutor(1) as elsewhere:
            assert refused(elsewhere.submit(ada.post, json={"title": "x"}).result())
            deadline = time.monotonic() + deadlines.IDLE_SECONDS + 15
            while (answer := elsewhere.submit(ada.post, json={"title": "x"}).result()).status_code == 503:
                assert time.monotonic() < deadline
            assert answer.status_code == 201
        g.connection.invalidate()


def test_a_database_that_never_answered_is_asked_by_one_request_at_a_time(
    own_postgres: Postgres, settings: dict[str, str]
) -> None:
    app = create_app(Settings.from_environ(settings))
    wait_until(is_patient)
    own_postgres.signal(signal.SIGSTOP)
    try:
        with (
            listening(app_engine(app), "do_connect", lambda *_: None) as attempts,
            ThreadPoolExecutor(16) as threads,
        ):
            people = [Person(app.test_client(), f"person-{number}") for number in range(16)]
            assert all(threads.map(lambda person: refused(person.get()), people))
    finally:
        own_postgres.signal(signal.SIGCONT)
    assert len(attempts) == 1
