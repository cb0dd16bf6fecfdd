"""What is counted for Prometheus: of all workers together, whichever come and go."""

import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from flask import Flask

from tests.auth_server import AuthServer
from tests.locks import user_locked
from tests.measured import Measured
from tests.people import SECRET, token_for
from tests.service import Service, clean_environment, free_port, run
from todo_service.ops.exporter import AllProcesses


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
    before = measured.workers()
    measured.process.send_signal(signal.SIGHUP)
    list_tasks(measured, 10)
    # Who served the metrics goes, too, and with it whatever scrape is under way.
    measured.wait_until(lambda: not set(measured.workers()) & set(before))
    measured.wait_until(lambda: measured.count(LISTS) == 50)
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


SEVEN = "from prometheus_client import Counter; Counter('done', 'Done.').inc(7)"


def test_a_worker_that_is_only_just_making_its_file_is_waited_for(tmp_path: Path) -> None:
    environment = clean_environment(PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    subprocess.run([sys.executable, "-c", SEVEN], env=environment, check=True, timeout=60)
    (file,) = tmp_path.iterdir()
    made = file.read_bytes()
    file.write_bytes(b"")
    making = threading.Timer(0.1, file.write_bytes, (made,))
    making.start()
    (found,) = AllProcesses(tmp_path).collect()
    assert [sample.value for sample in found.samples] == [7]
    making.join()


def test_requests_in_flight_are_those_of_living_workers(measured: Measured) -> None:
    """A worker that is killed in the middle of a request no longer has one."""
    list_tasks(measured, 20)
    measured.wait_until(lambda: measured.count("todo_pool_connections_max") == 16)
    measured.wait_until(lambda: measured.count("todo_requests_in_flight") == 0)
    measured.wait_until(lambda: measured.count("todo_pool_connections_in_use") == 0)
    lock_is_waited_for(measured, httpx.Client(base_url=measured.url))
    for worker in measured.workers():
        worker.kill()
    measured.wait_until(lambda: measured.count("todo_requests_in_flight") == 0)
    measured.wait_until(lambda: measured.count("todo_pool_connections_max") == 16)
    measured.wait_until(lambda: measured.count("todo_pool_connections_in_use") == 0)


def lock_is_waited_for(measured: Measured, client: httpx.Client) -> None:
    """Make a request that waits in the database, and look on while it does."""
    assert measured.call("eve", "POST", json={"title": "x"}).status_code == 201
    with user_locked(measured.environment["DATABASE_URL"], "eve"):
        waiting = threading.Thread(target=post_in_vain, args=(client,))
        waiting.start()
        measured.wait_until(lambda: measured.count("todo_requests_in_flight") == 1)
        for worker in measured.workers():
            worker.kill()
        waiting.join()


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


def test_the_service_itself_serves_no_metrics(measured: Measured) -> None:
    assert measured.http.get("/metrics").status_code == 404


# ---- the directory


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """Where temporary files of the service go."""
    directory = tmp_path / "tmp"
    directory.mkdir()
    return directory


@pytest.fixture
def settings(tmp_path: Path, shared: Path) -> dict[str, str]:
    """Of a service on a database, a port for metrics and temporary files of its own."""
    return {
        "BETTER_AUTH_SECRET": SECRET,
        "DATABASE_URL": f"sqlite:///{tmp_path}/todo.db",
        "METRICS_PORT": str(free_port()),
        "RATE_LIMIT": "",
        "TMPDIR": str(shared),
    }


def ours(shared: Path) -> list[Path]:
    return list(shared.glob("todo-service-metrics-*"))


def test_a_service_leaves_no_metrics_behind(settings: dict[str, str], tmp_path: Path, shared: Path) -> None:
    with Measured(settings, tmp_path) as service:
        list_tasks(service, 2)
        (directory,) = ours(shared)
        assert directory.stat().st_mode & 0o077 == 0
    assert not ours(shared)


def test_metrics_that_a_killed_run_has_left_are_not_counted(settings: dict[str, str], tmp_path: Path) -> None:
    with Measured(settings, tmp_path) as service:
        list_tasks(service, 3)
        workers = service.workers()
        service.process.kill()
        service.process.wait()
        psutil.wait_procs(workers, 10)  # which notice that their parent is gone
    with Measured(settings, tmp_path) as service:
        list_tasks(service, 2)
        assert service.count(LISTS) == 2


@pytest.mark.parametrize("gone", ["todo-service-metrics-*", "", "operators"])
def test_a_directory_that_is_removed_meanwhile_stops_no_worker(
    settings: dict[str, str], tmp_path: Path, gone: str
) -> None:
    """Nor does one whose place is removed, as XDG_RUNTIME_DIR is when its user has logged out."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    settings |= {"XDG_RUNTIME_DIR": str(runtime)}
    if gone == "operators":
        settings |= {"PROMETHEUS_MULTIPROC_DIR": f"{runtime}/operators"}
    with Measured(settings, tmp_path) as service:
        service.wait_until(lambda: len(service.workers()) == 2)
        before = set(service.workers())
        (directory,) = runtime.glob(gone) if gone else [runtime]
        shutil.rmtree(directory)
        if gone == "operators":
            directory.touch()  # and cannot be made anew
        list_tasks(service, 20)
        for worker in before:
            worker.kill()
        service.wait_until(lambda: len(set(service.workers()) - before) == len(before))
        service.wait_until(lambda: service.http.get("/health").status_code == 200)
        list_tasks(service, 2)
        service.wait_until(lambda: service.count(LISTS) == 2)


def test_another_worker_serves_the_metrics_when_one_is_gone(settings: dict[str, str], tmp_path: Path) -> None:
    with Measured(settings, tmp_path) as service:
        list_tasks(service, 2)
        listens = [one for one in service.workers() if service.metrics_port in ports(one)]
        assert len(listens) == 1
        listens[0].kill()
        service.wait_until(lambda: service.count(LISTS) == 2)


def ports(process: psutil.Process) -> set[int]:
    """Where it listens."""
    return {one.laddr.port for one in process.net_connections() if one.status == psutil.CONN_LISTEN}


def test_the_operators_own_directory_is_used_and_left_alone(
    settings: dict[str, str], tmp_path: Path, shared: Path
) -> None:
    operators = tmp_path / "operators"
    operators.mkdir()
    foreign = {"gauge_livesum_999999999.db", "notes.txt"}  # the first of a process that is no more
    for name in foreign:
        (operators / name).touch()
    with Measured({**settings, "PROMETHEUS_MULTIPROC_DIR": str(operators)}, tmp_path) as service:
        list_tasks(service, 2)
        assert service.count(LISTS) == 2
        assert not ours(shared)
    assert foreign < {file.name for file in operators.iterdir()}


@pytest.mark.parametrize("elsewhere", ["", "operators"])
def test_a_service_without_metrics_writes_none(
    settings: dict[str, str], tmp_path: Path, shared: Path, elsewhere: str
) -> None:
    without = {
        **settings,
        "METRICS_PORT": "0",
        "PROMETHEUS_MULTIPROC_DIR": elsewhere and f"{tmp_path}/{elsewhere}",
    }
    with Service(without, tmp_path) as service:
        list_tasks(service, 2)
        assert not ours(shared)
        assert not (tmp_path / "operators").exists()


def test_a_command_writes_no_metrics(settings: dict[str, str], shared: Path) -> None:
    assert run("flask", "token", "ada", **settings).returncode == 0
    assert run("flask", "db", "upgrade", **settings).returncode == 0
    assert not ours(shared)


# ---- the port


def test_a_port_that_is_taken_is_told_and_stops_no_request(settings: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", int(settings["METRICS_PORT"]))) as foreign:
        service = Measured(settings, tmp_path)
        with service:
            told = f"No metrics are served: METRICS_PORT {service.metrics_port}: Address already in use"
            service.wait_until(lambda: told in service.output)
            list_tasks(service, 2)
            foreign.close()
            service.wait_until(lambda: service.count(LISTS) == 2)
            assert service.output.count(told) == 1
