"""What clients and operators may rely on under every server that the README names."""

import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.calls import calls
from tests.load import clients, meanwhile, wait_for_answers
from tests.measured import Measured
from tests.people import SECRET, token_for
from tests.raw import ADA, JSON, chunked, request, status
from tests.service import BIN, GRANIAN, GUNICORN, Service

ORIGIN = "https://app.example.com"
MIB = 1024 * 1024
GRACE = 30  # seconds that running requests get at a stop
CHUNKED = f"{ADA}{JSON}Transfer-Encoding: chunked\r\n"


@pytest.fixture(scope="module", params=[GUNICORN, GRANIAN])
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


def settings_for(database: Path) -> dict[str, str]:
    return {
        "BETTER_AUTH_SECRET": SECRET,
        "DATABASE_URL": f"sqlite:///{database}",
        "CORS_ORIGINS": ORIGIN,
        "RATE_LIMIT": "",
    }


@pytest.fixture(scope="module")
def running(server: str, directory: Path) -> Iterator[Measured]:
    with Measured(settings_for(directory / f"{server}.db"), directory, server=server) as service:
        yield service


@pytest.fixture
def service(running: Measured) -> Measured:
    """The running service, where nobody has a task."""
    for user in ("ada", "bob"):
        erased = running.call(user, "DELETE", "/api/account", json={"confirm": "erase"})
        assert erased.status_code == 204
    return running


def add(service: Measured, title: str = "x") -> dict[str, Any]:
    answer = service.call("ada", "POST", json={"title": title})
    assert answer.status_code == 201
    return dict(answer.json())


# ---- at the start


def test_the_schema_is_brought_up_to_date_without_being_asked_for(
    running: Measured, server: str, directory: Path
) -> None:
    with closing(sqlite3.connect(directory / f"{server}.db")) as database:
        has_tasks = "SELECT count(*) FROM sqlite_schema WHERE name = 'tasks'"
        running.wait_until(lambda: database.execute(has_tasks).fetchone() == (1,))


def test_flask_run_brings_all_that_a_server_does(directory: Path) -> None:
    database = directory / "flask.db"
    service = Measured(settings_for(database), directory)
    service.command = [str(BIN / "flask"), "run", "--port", str(service.port)]
    with service:
        assert service.call("ada", "POST", json={"title": "x"}).status_code == 201
        name = "todo_request_seconds_count{method=POST}{route=/api/tasks}{status=201}"
        service.wait_until(lambda: service.count(name) == 1)
        assert [line["status"] for line in logged(service) if line.get("route") == "/api/tasks"] == [201]


# ---- every call


def test_every_call_is_answered(service: Measured) -> None:
    for method, path, sent, expected in calls(service):
        answer = service.call("ada", method, path, **sent)
        assert answer.status_code == expected, answer.text
    paths = service.http.get("/openapi.json").json()["paths"]
    documented = {
        (method.upper(), path) for path, item in paths.items() for method in item if method != "parameters"
    }
    lines = [line for line in logged(service) if line["message"] == "request"]
    assert documented <= {(line["method"], line["route"]) for line in lines}


def test_a_refusal_of_every_kind_is_a_problem(service: Measured) -> None:
    one = f"/api/tasks/{add(service)['id']}"
    key = {"Idempotency-Key": "2"}
    assert service.call("ada", "POST", json={"title": "first"}, headers=key).status_code == 201
    refusals = [
        (400, service.call("ada", "POST", json={"title": ""})),
        (401, service.http.get("/api/tasks")),
        (403, service.call("bob", "GET", one)),
        (404, service.call("ada", "GET", "/api/tasks/none")),
        (404, service.http.get("/nowhere")),
        (405, service.call("ada", "PUT", "/api/tasks", json={})),
        (412, service.call("ada", "PATCH", one, json={"title": "y"}, headers={"If-Match": '"0"'})),
        (413, service.call("ada", "POST", content=b" " * MIB, headers={"Content-Type": "application/json"})),
        (415, service.call("ada", "POST", content=b"x", headers={"Content-Type": "text/plain"})),
        (422, service.call("ada", "POST", json={"title": "other"}, headers=key)),
    ]
    for expected, answer in refusals:
        assert answer.status_code == expected
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
    assert refusals[5][1].headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, POST"


# ---- HTTP


def test_head_and_no_content_keep_the_connection_usable(service: Measured) -> None:
    task = add(service)
    for _ in range(3):
        head = service.call("ada", "HEAD")
        assert (head.status_code, head.content) == (200, b"")
        assert service.call("ada", "GET").json() == [task]
    assert service.call("ada", "DELETE", f"/api/tasks/{task['id']}").status_code == 204
    assert service.call("ada", "GET").json() == []


def test_one_connection_serves_many_requests(service: Measured) -> None:
    steps: list[str] = []
    with httpx.Client(base_url=service.url) as http:
        for _ in range(5):
            http.get("/health", extensions={"trace": lambda step, _: steps.append(step)})
    assert steps.count("connection.connect_tcp.complete") == 1
    assert steps.count("http11.receive_response_headers.complete") == 5


def test_options_says_which_methods_there_are(service: Measured) -> None:
    answer = service.http.options("/api/tasks")
    assert answer.status_code == 200
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, POST"


def test_a_preflight_is_answered_with_and_without_a_trailing_slash(service: Measured) -> None:
    asks = {"Origin": ORIGIN, "Access-Control-Request-Method": "PATCH"}
    for path in ("/api/tasks", "/api/tasks/"):
        answer = service.http.options(path, headers=asks)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_each_field_of_an_answer_stands_once(service: Measured) -> None:
    for answer in (service.call("ada", "GET"), service.call("ada", "POST", json={"title": "x"})):
        names = [name.lower() for name, _ in answer.headers.multi_items()]
        assert {"date", "content-type", "content-length"} <= set(names)
        assert len(set(names)) == len(names)


def test_a_chunked_body_is_read_whole(service: Measured) -> None:
    answer = service.send(
        request("POST", "/api/tasks", CHUNKED, chunked(b'{"title"', b': "in chunks"', b"}"))
    )
    assert status(answer) == 201
    assert b"in chunks" in answer


def test_an_empty_chunked_body_toggles(service: Measured) -> None:
    answer = service.send(request("PATCH", f"/api/tasks/{add(service)['id']}/complete", CHUNKED, chunked()))
    assert status(answer) == 200
    assert b'"completed":true' in answer


def test_a_chunked_body_over_256_kib_is_413_and_not_cut(service: Measured) -> None:
    padding = [b" " * 64 * 1024] * 4
    answer = service.send(request("POST", "/api/tasks", CHUNKED, chunked(b'{"title": "x"}', *padding)))
    assert status(answer) == 413
    assert b"payload_too_large" in answer
    assert service.call("ada", "GET").json() == []


def test_broken_chunks_change_nothing(service: Measured) -> None:
    answer = service.send(request("POST", "/api/tasks", CHUNKED, b'zz\r\n{"title": "x"}\r\n0\r\n\r\n'))
    assert status(answer) == 400
    assert service.call("ada", "GET").json() == []


def test_a_body_shorter_than_announced_changes_nothing(service: Measured) -> None:
    answer = service.send(
        request("POST", "/api/tasks", f"{ADA}{JSON}Content-Length: 100\r\n", b'{"title": "x"}'), ends=True
    )
    assert not answer or status(answer) == 400
    assert service.call("ada", "GET").json() == []


@pytest.mark.parametrize("in_chunks", [False, True], ids=["at once", "chunked"])
@pytest.mark.parametrize(
    ("user", "content_type", "expected"),
    [("", "application/json", 401), ("ada", "text/plain", 413), ("ada", "application/json", 413)],
)
def test_who_sends_too_much_gets_the_answer_and_keeps_the_connection(
    service: Measured, user: str, content_type: str, expected: int, in_chunks: bool
) -> None:
    token = token_for(user) if user else "none"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type}
    piece = b" " * 64 * 1024
    with httpx.Client(base_url=service.url) as http:
        for _ in range(5):
            content = iter([piece] * 32) if in_chunks else piece * 32
            answer = http.post("/api/tasks", headers=headers, content=content)
            assert answer.status_code == expected
        assert http.get("/health").status_code == 200


def test_a_header_field_of_16_kib_is_taken(service: Measured) -> None:
    token = token_for("ada", name="x" * 11_900)
    assert 15_900 < len(token) <= 16 * 1024 - len("Bearer ")
    answer = service.http.get("/api/tasks", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    padded = service.call("ada", "GET", headers={"X-Padding": "x" * 16 * 1024})
    assert padded.status_code == 200


def test_double_slashes_are_no_redirect(service: Measured) -> None:
    for path in ("/api//tasks", "/api/tasks//"):
        assert status(service.send(request("GET", path, ADA))) == 404


# ---- what the operator sees


def logged(service: Measured) -> list[dict[str, Any]]:
    """Our lines; the server's own may be plain."""
    return [json.loads(line) for line in service.output.splitlines() if line.startswith("{")]


def test_each_request_is_one_line_of_the_log(service: Measured) -> None:
    for number in range(3):
        service.call("ada", "GET", headers={"X-Request-Id": f"seen-{number}"})
    lines = [line for line in logged(service) if str(line.get("request_id")).startswith("seen-")]
    assert [(line["request_id"], line["status"]) for line in lines] == [(f"seen-{n}", 200) for n in range(3)]


def test_the_requests_of_all_workers_are_counted(service: Measured) -> None:
    name = "todo_request_seconds_count{method=GET}{route=/api/tasks}{status=200}"
    before = service.count(name)
    for _ in range(20):
        with httpx.Client(base_url=service.url) as another:
            token = {"Authorization": f"Bearer {token_for('ada')}"}
            assert another.get("/api/tasks", headers=token).status_code == 200
    assert service.count(name) == before + 20
    assert service.count("todo_requests_in_flight") == 0


def test_a_worker_that_is_killed_is_replaced(service: Measured) -> None:
    task = add(service)
    before = service.workers()
    before[0].kill()
    service.wait_until(lambda: len(set(service.workers()) - {before[0]}) == len(before))
    service.wait_until(lambda: service.call("ada", "GET").json() == [task])
    service.wait_until(lambda: service.count("todo_pool_connections_max") == 8 * len(before))


# ---- at the stop


def test_a_stop_under_load_loses_no_request_that_was_accepted(server: str, tmp_path: Path) -> None:
    """While a server stops, its kernel may still make connections that nobody will accept: what is sent
    over them is cut off before the first byte of an answer, and nothing of it is done. So it is with a
    connection that is closed between two requests, as it may be at any time (RFC 9112 §9.5): gunicorn answers
    first what has arrived, and Granian closes at once."""
    settings = settings_for(tmp_path / "todo.db")
    with Service(settings, tmp_path, server=server) as service, clients(service) as writers:
        with meanwhile(*(writer.write_and_read for writer in writers)):
            wait_for_answers(service, writers)
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(GRACE + 15) == 0  # what is still running after GRACE is cut off
        requests = [request for writer in writers for request in writer.requests]
        assert server == GRANIAN or not [request for request in requests if request.lost]
        assert all(request.served for request in requests if request.answer)
        assert not any(writer.send("GET") for writer in writers)
    with Service(settings, tmp_path, server=server) as service:
        for writer in writers:
            assert writer.find(service) == writer.acknowledged
