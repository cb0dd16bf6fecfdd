"""PgBouncer, where each transaction may run on another connection, is in nobody's way and may fail.

What holds on PostgreSQL holds behind it as well: the tests marked as pooled show that.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from time import monotonic
from typing import Any

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import text

from tests.conftest import app, client, environment, running_service, service, shared_app
from tests.load import at_once
from tests.people import list_tag
from tests.pgbouncer import POOL_SIZE, USER, PgBouncer
from tests.postgres import Postgres
from tests.service import Service
from tests.unavailable import refused
from todo_service.db.deadlines import CONNECT_SECONDS, IDLE_SECONDS, LOCK_SECONDS, STATEMENT_SECONDS
from todo_service.db.transactions import transaction

# Imported once more, or they would be those that other modules have made for another database.
__all__ = ["app", "client", "environment", "running_service", "service", "shared_app"]

DATABASE = "pooled"
SETTINGS = {
    "lock_timeout": f"{LOCK_SECONDS}s",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
    "max_parallel_workers_per_gather": "0",
}
DEFAULTS = ("0", "0", "0", "2")
SHOW = "SELECT " + ", ".join(f"current_setting('{name}')" for name in SETTINGS)


@pytest.fixture(scope="session")
def bouncer(postgres: Postgres) -> Iterator[PgBouncer]:
    running = PgBouncer(postgres)
    yield running
    running.remove()


@pytest.fixture(scope="session")
def database_url(bouncer: PgBouncer) -> str:
    return bouncer.create(DATABASE)


# ---- connections that are shared


def end_server_connections(postgres: Postgres, condition: str = "true") -> None:
    """End what PgBouncer holds of connections to PostgreSQL; the service's own to PgBouncer stay."""
    ended = "pg_terminate_backend(pid, 5000)"  # waits until it has, in milliseconds
    postgres.psql(f"SELECT {ended} FROM pg_stat_activity WHERE usename = '{USER}' AND {condition}")


def test_forty_clients_share_three_connections_and_nothing_gets_mixed_up(
    service: Service, postgres: Postgres
) -> None:
    users = [f"user-{number}" for number in range(8)]

    def live(client: int) -> None:
        user, name = users[client % len(users)], f"of client {client}"
        for round_ in range(5):
            key = {"Idempotency-Key": f"{client}-{round_}"}
            made, again = (
                service.call(user, "POST", json={"title": name}, headers=key).json() for _ in range(2)
            )
            assert again == made
            path = f"/api/tasks/{made['id']}"
            done = service.call(user, "PUT", path, json={"title": f"{name}, {round_}"}).json()
            done = service.call(user, "PATCH", f"{path}/complete").json()
            assert service.call(user, "GET", path).json() == done
            assert service.call(users[(client + 1) % len(users)], "GET", path).status_code == 403
            if round_ % 2:
                assert service.call(user, "DELETE", path).status_code == 204

    at_once(40, live)
    for number, user in enumerate(users):
        tasks = service.call(user, "GET").json()
        clients = range(number, 40, len(users))
        assert sorted(task["title"] for task in tasks) == sorted(
            f"of client {client}, {round_}" for client in clients for round_ in (0, 2, 4)
        )
        feed = service.call(user, "GET", "/api/tasks/changes").json()["changes"]
        by_revision = sorted(tasks, key=lambda task: int(task["revision"]))
        assert [change["task"] for change in feed] == by_revision
        writes = len(clients) * (5 * 3 + 2)
        assert service.call(user, "GET").headers["ETag"] == list_tag(user, writes)
    held = postgres.psql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{DATABASE}'")
    assert 1 < int(held.split()[2]) <= POOL_SIZE


def test_every_transaction_has_the_settings_whichever_connection_it_runs_on(
    app: Flask, postgres: Postgres
) -> None:
    end_server_connections(postgres)
    with ExitStack() as held:
        for _ in range(POOL_SIZE):
            held.enter_context(app.app_context())
            connection = held.enter_context(transaction())
            assert tuple(connection.execute(text(SHOW)).one()) == tuple(SETTINGS.values())


def test_a_transaction_leaves_its_settings_to_nobody_else(app: Flask, database_url: str) -> None:
    with ExitStack() as held:
        for _ in range(POOL_SIZE):
            held.enter_context(app.app_context())
            held.enter_context(transaction()).execute(text(SHOW))
    with busy(database_url) as strangers:
        for stranger in strangers:
            stranger.execute(SHOW)
            assert stranger.fetchone() == DEFAULTS


def test_a_lock_is_waited_for_no_longer_on_a_connection_that_postgresql_has_just_made(
    service: Service, postgres: Postgres
) -> None:
    service.call("ada", "POST", json={"title": "the first"})
    end_server_connections(postgres)
    key = {"Idempotency-Key": "k1"}
    with row_locked(postgres, "ada"):
        answer = service.call("ada", "POST", json={"title": "the second"}, headers=key)
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")
        assert len(service.call("ada", "GET").json()) == 1
    assert service.call("ada", "POST", json={"title": "the second"}, headers=key).status_code == 201


# ---- connections that fail


@contextmanager
def row_locked(postgres: Postgres, user: str) -> Iterator[None]:
    """Hold a user's row from outside the service and PgBouncer."""
    with closing(psycopg2.connect(postgres.url(DATABASE))) as holder:
        holder.cursor().execute("SELECT FROM users WHERE id = %s FOR UPDATE", [user])
        yield
        holder.rollback()


@contextmanager
def busy(database_url: str) -> Iterator[list[Any]]:
    """Be in the middle of a transaction on every connection that PgBouncer lends."""
    with ExitStack() as held:
        cursors = []
        for _ in range(POOL_SIZE):
            connection = held.enter_context(closing(psycopg2.connect(database_url)))
            cursors.append(connection.cursor())
            cursors[-1].execute("SELECT 1")
        yield cursors


def test_connections_that_end_behind_pgbouncer_go_unnoticed(service: Service, postgres: Postgres) -> None:
    task = service.call("ada", "POST", json={"title": "kept"}).json()
    for _ in range(20):
        end_server_connections(postgres)
        assert service.call("ada", "GET").json() == [task]


def test_a_write_whose_connection_ends_before_it_has_done_anything_can_be_sent_again(
    service: Service, postgres: Postgres
) -> None:
    service.call("ada", "POST", json={"title": "the first"})
    waits = "wait_event_type = 'Lock'"

    def write() -> Any:
        key = {"Idempotency-Key": "k1"}
        return service.call("ada", "POST", json={"title": "the second"}, headers=key)

    with ThreadPoolExecutor(1) as thread, row_locked(postgres, "ada"):
        answer = thread.submit(write)
        found = f"SELECT 'it waits' FROM pg_stat_activity WHERE usename = '{USER}' AND {waits}"
        service.wait_until(lambda: "it waits" in postgres.psql(found).partition("-")[2])
        end_server_connections(postgres, waits)
    assert refused(answer.result())
    assert write().status_code == 201
    assert [task["title"] for task in service.call("ada", "GET").json()] == ["the second", "the first"]
    assert write().headers["Idempotency-Replayed"] == "true"


def test_who_finds_all_connections_lent_is_told_in_time_and_then_served_again(
    service: Service, database_url: str
) -> None:
    task = service.call("ada", "POST", json={"title": "kept"}).json()
    with busy(database_url):
        began = monotonic()
        answers = at_once(
            8, lambda number: service.call("ada", "GET" if number % 2 else "POST", json={"title": "x"})
        )
        assert all(refused(answer) for answer in answers)
        # A connection that lay idle is given up, and then a new one.
        assert monotonic() - began < 3 * CONNECT_SECONDS
        assert service.http.get("/health").status_code == 200
    assert service.call("ada", "GET").json() == [task]


def test_a_restart_of_pgbouncer_between_two_requests_goes_unnoticed(
    service: Service, bouncer: PgBouncer
) -> None:
    task = service.call("ada", "POST", json={"title": "kept"}).json()
    bouncer.restart()
    for _ in range(20):
        assert service.call("ada", "GET").json() == [task]


def test_a_postgresql_that_stops_behind_pgbouncer_is_503_until_it_starts(
    service: Service, postgres: Postgres
) -> None:
    task = service.call("ada", "POST", json={"title": "kept"}).json()
    postgres.stop()
    try:
        for _ in range(20):
            assert refused(service.call("ada", "GET"))
            assert refused(service.call("ada", "POST", json={"title": "lost"}))
        assert refused(service.http.get("/health/ready"))
    finally:
        postgres.start()
    service.wait_until(lambda: service.http.get("/health/ready").status_code == 200, 10)
    for _ in range(20):
        assert service.call("ada", "GET").json() == [task]
    assert "Traceback" not in service.output
