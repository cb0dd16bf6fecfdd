"""What is counted for Prometheus: of all workers together, whichever come and go."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from sqlalchemy import text

from tests.auth_server import AuthServer
from tests.measured import Measured
from tests.people import Person, token_for
from tests.service import Service, free_port, run
from todo_service import create_app, database, metrics
from todo_service.config import Settings
from todo_service.extensions import db


@pytest.fixture
def measured(
    app: Flask, environment: dict[str, str], tmp_path: Path, auth_server: AuthServer
) -> Iterator[Measured]:
    settings = {**environment, "RATE_LIMIT": "100/hour", "BETTER_AUTH_URL": auth_server.url}
    with Measured(settings, tmp_path) as running:
        yield running


LISTS = "todo_request_seconds_count{method=GET}{route=/api/tasks}{status=200}"


def list_tasks(service: Service, times: int) -> None:
    """Each on a connection of its own, so that all workers get some."""
    for _ in range(times):
        headers = {"Authorization": f"Bearer {token_for('ada')}"}
        assert httpx.get(f"{service.url}/api/tasks", headers=headers).status_code == 200


def test_requests_are_counted_over_workers_that_come_and_go(measured: Measured) -> None:
    list_tasks(measured, 20)
    assert measured.count(LISTS) == 20
    for number in (signal.SIGKILL, signal.SIGTERM):
        before = measured.workers()
        for worker in before:
            worker.send_signal(number)
        measured.wait_until(lambda: len(set(measured.workers()) - set(before)) == 2)  # noqa: B023  # waited for here
        measured.wait_until(lambda: measured.http.get("/health").status_code == 200)
    list_tasks(measured, 20)
    measured.process.send_signal(signal.SIGHUP)
    list_tasks(measured, 10)
    assert measured.count(LISTS) == 50
    found = measured.scrape()
    seconds = found["todo_request_seconds_sum{method=GET}{route=/api/tasks}{status=200}"]
    assert 0 < seconds < 50
    assert found["todo_request_seconds_bucket{le=20.0}{method=GET}{route=/api/tasks}{status=200}"] == 50
    assert found["todo_request_statements_count{method=GET}{route=/api/tasks}"] == 50


def test_routes_statuses_and_methods_are_told_apart_but_not_addresses(measured: Measured) -> None:
    measured.call("ada", "GET", "/api/tasks/none")
    measured.call("ada", "GET", "/api/tasks/nothing")
    measured.call("ada", "PATCH", "/api/tasks/none/complete")
    measured.call("ada", "GET", "/api/nowhere")
    measured.call("ada", "BREW", "/api/elsewhere")
    counted = {name for name in measured.scrape() if name.startswith("todo_request_seconds_count")}
    assert {
        "todo_request_seconds_count{method=GET}{route=/api/tasks/{id}}{status=404}",
        "todo_request_seconds_count{method=PATCH}{route=/api/tasks/{id}/complete}{status=404}",
        "todo_request_seconds_count{method=GET}{route=none}{status=404}",
        "todo_request_seconds_count{method=other}{route=none}{status=404}",
    } <= counted
    assert not any("nowhere" in name or "BREW" in name for name in counted)


def test_a_worker_that_is_only_just_making_its_file_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "counter_1.db"
    file.touch()

    def make() -> None:
        values: Any = MmapedDict(str(file))  # type: ignore[no-untyped-call]  # nor this
        values.write_value(mmap_key("done", "done_total", [], [], "Done."), 7, 0)
        values.close()

    making = threading.Timer(0.1, make)
    making.start()
    collector = metrics.Shared(None, str(tmp_path))  # type: ignore[no-untyped-call]  # the library has not typed it
    (found,) = collector.collect()
    assert [sample.value for sample in found.samples] == [7]
    making.join()


def test_what_happens_now_is_of_the_living_only(measured: Measured) -> None:
    """A worker that is killed in the middle of a request no longer has one."""
    list_tasks(measured, 20)
    measured.wait_until(lambda: measured.count("todo_pool_connections_max") == 16)
    measured.wait_until(lambda: measured.count("todo_requests_in_flight") == 0)
    measured.wait_until(lambda: measured.count("todo_pool_connections_in_use") == 0)
    socket = httpx.Client(base_url=measured.url)
    lock_is_waited_for(measured, socket)
    for worker in measured.workers():
        worker.kill()
    measured.wait_until(lambda: measured.count("todo_requests_in_flight") == 0)
    measured.wait_until(lambda: measured.count("todo_pool_connections_max") == 16)
    measured.wait_until(lambda: measured.count("todo_pool_connections_in_use") == 0)


def lock_is_waited_for(measured: Measured, client: httpx.Client) -> None:
    """Make a request that waits in the database, and look on while it does."""
    settings = {**measured.environment, "METRICS_PORT": ""}
    other = create_app(Settings.from_environ(settings))
    with other.app_context(), db.engine.connect() as holder:
        holder.execute(text("INSERT INTO users (id, revision, created_at) VALUES ('eve', 1, '2026-01-01')"))
        waiting = threading.Thread(target=post_in_vain, args=(client,))
        waiting.start()
        measured.wait_until(lambda: measured.count("todo_requests_in_flight") == 1)
        measured.wait_until(lambda: measured.count("todo_pool_connections_in_use") == 1)
        for worker in measured.workers():
            worker.kill()
        waiting.join()
        holder.rollback()


def post_in_vain(client: httpx.Client) -> None:
    headers = {"Authorization": f"Bearer {token_for('eve')}"}
    with pytest.raises(httpx.TransportError):
        client.post("/api/tasks", json={"title": "x"}, headers=headers)


def test_refusals_and_fetches_of_keys_are_counted(measured: Measured, auth_server: AuthServer) -> None:
    for _ in range(101 * 2):  # each worker counts for itself
        measured.call("ada", "GET")
        if measured.count("todo_rate_limit_refusals_total{counted_by=user}"):
            break
    assert measured.count("todo_rate_limit_refusals_total{counted_by=user}") == 1
    headers = {"Authorization": f"Bearer {auth_server.token()}"}
    assert measured.http.get("/api/tasks", headers=headers).status_code == 200
    assert measured.count("todo_key_set_fetches_total{outcome=fetched}") == 1
    auth_server.close()
    headers = {"Authorization": f"Bearer {auth_server.rotate().sign(auth_server.claims())}"}
    measured.http.get("/api/tasks", headers=headers)
    measured.wait_until(lambda: measured.count("todo_key_set_fetches_total{outcome=failed}") >= 1)


def test_waits_for_a_connection_are_counted(
    app: Flask, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "POOL_SECONDS", 1)
    small = create_app(Settings.from_environ({**environment, "THREADS": "1"}))
    ada = Person(small.test_client(), "ada")
    assert ada.get().status_code == 200  # the schema is looked after
    before = metrics.pool_waits._value.get(), metrics.pool_timeouts._value.get()
    with small.app_context(), db.engine.connect():
        assert ada.get().status_code == 503
    assert ada.get().status_code == 200
    after = metrics.pool_waits._value.get(), metrics.pool_timeouts._value.get()
    assert (after[0] - before[0], after[1] - before[1]) == (1, 1)


def test_the_service_itself_serves_no_metrics(measured: Measured) -> None:
    assert measured.http.get("/metrics").status_code == 404


def test_nothing_is_left_behind(app: Flask, environment: dict[str, str], tmp_path: Path) -> None:
    shared = tmp_path / "tmp"
    shared.mkdir()
    with Measured({**environment, "TMPDIR": str(shared)}, tmp_path) as service:
        list_tasks(service, 2)
        assert list(shared.glob("todo-service-metrics-*"))
    assert not list(shared.glob("todo-service-metrics-*"))


def test_a_port_that_is_taken_stops_the_start(environment: dict[str, str], tmp_path: Path) -> None:
    with Measured(environment, tmp_path) as running:
        taken = {**environment, "METRICS_PORT": str(running.metrics_port), "PORT": str(free_port())}
        stopped = run("gunicorn", "wsgi:app", **taken)
    assert stopped.returncode != 0
    assert (
        f"todo_service cannot start: METRICS_PORT {running.metrics_port}: Address already in use"
        in stopped.stderr
    )
