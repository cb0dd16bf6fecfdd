"""What is logged: a line for each request and event, and never what people write or sign in with."""

import json
import logging
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from tests.auth_server import AuthServer
from tests.log_lines import LogLines
from tests.people import SECRET, Person, body, token_for
from tests.service import Service
from tests.test_isolation import ENDPOINTS, NOBODYS
from todo_service import create_app, listing, logs, own_tasks, tasks
from todo_service.config import Settings

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"

FIELDS = {
    "time",
    "level",
    "logger",
    "message",
    "request_id",
    "method",
    "route",
    "status",
    "user_id",
    "duration_ms",
    "bytes",
    "db_statements",
    "db_ms",
}


def test_each_request_is_one_line_of_all_there_is_to_know(ada: Person, log_lines: LogLines) -> None:
    answer = ada.post(json={"title": "x"}, headers={"X-Request-Id": "mine", "traceparent": PARENT})
    line = log_lines.one("request")
    assert set(line) == FIELDS | {"trace_id"}
    assert datetime.fromisoformat(line["time"]).tzinfo
    assert (line["level"], line["method"], line["route"]) == ("INFO", "POST", "/api/tasks")
    assert (line["status"], line["user_id"]) == (201, "ada")
    assert (line["request_id"], line["trace_id"]) == ("mine", TRACE)
    assert line["bytes"] == len(answer.data)
    assert line["db_statements"] in (3, 4)  # PostgreSQL tries first whether one does it, for who has written
    assert 0 < line["db_ms"] < line["duration_ms"]


def test_the_route_is_named_and_not_the_address(ada: Person, log_lines: LogLines) -> None:
    ada.patch(f"/api/tasks/{NOBODYS}/complete/?x=SECRET")
    ada.get("/api/SECRET")
    ada.call("TRACE", "/api/tasks/SECRET")
    found = [(line["route"], line["status"], line["user_id"]) for line in log_lines.all("request")]
    assert found == [("/api/tasks/{id}/complete", 400, "ada"), (None, 404, None), (None, 405, None)]
    assert "SECRET" not in log_lines.text


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "rubbish",
        PARENT.upper(),
        f"{PARENT}-more",
        f"ff{PARENT[2:]}",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-00f067aa0ba902b7-01",
        PARENT[:-3],
    ],
)
def test_what_is_no_traceparent_is_no_trace(ada: Person, log_lines: LogLines, sent: str) -> None:
    ada.get("/health", headers={"traceparent": sent})
    assert "trace_id" not in log_lines.one("request")


def test_a_traceparent_of_a_later_version_counts(ada: Person, log_lines: LogLines) -> None:
    ada.get("/health", headers={"traceparent": f"01{PARENT[2:]}-more"})
    assert log_lines.one("request")["trace_id"] == TRACE


def test_events_carry_the_ids_of_their_request(
    ada: Person, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    monkeypatch.setattr(tasks, "find", failing(OperationalError("", {}, Exception("away"))))
    ada.get(headers={"X-Request-Id": "mine", "traceparent": PARENT})
    event = log_lines.one("The database is unavailable: away")
    assert (event["level"], event["request_id"], event["trace_id"]) == ("WARNING", "mine", TRACE)
    assert log_lines.one("request")["level"] == "WARNING"


def test_an_answer_without_a_body_has_no_bytes(ada: Person, log_lines: LogLines) -> None:
    ada.call("HEAD", "/api/tasks")
    etag = ada.get().headers["ETag"]
    ada.get(headers={"If-None-Match": etag})
    assert [(line["status"], line["bytes"]) for line in log_lines.all("request")] == [
        (200, 0),
        (200, 2),
        (304, 0),
    ]


def test_a_streamed_answer_is_told_when_it_is_sent(ada: Person, log_lines: LogLines) -> None:
    ada.adds()
    with ada.get("/api/account/export") as answer:
        sent = len(answer.data)
    line = log_lines.all("request")[-1]
    assert (line["route"], line["bytes"], line["db_statements"]) == ("/api/account/export", sent, 3)


def test_a_user_id_that_is_an_email_address_is_not_told(app: Flask, log_lines: LogLines) -> None:
    Person(app.test_client(), "ada@example.com").get()
    assert log_lines.one("request")["user_id"].startswith("sha256:")


def test_the_least_level_can_be_set(environment: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    app = create_app(Settings.from_environ({**environment, "LOG_LEVEL": "WARNING"}))
    app.test_client().get("/health")
    assert capfd.readouterr().err == ""
    logging.getLogger("todo_service").setLevel("INFO")


def test_on_a_console_a_line_is_one_line_of_words(
    environment: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    app = create_app(Settings.from_environ({**environment, "LOG_FORMAT": "console"}))
    Person(app.test_client(), "eve\n2026-11-21 ERROR forged").get("/api/tasks/none")
    create_app(Settings.from_environ(environment))
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert re.match(
        r"\d{4}-\d\d-\d\dT[\d:.]+Z INFO    request .*method=GET route=/api/tasks/\{id\} ", lines[0]
    )
    assert r'user_id="eve\n2026-11-21 ERROR forged"' in lines[0]


def test_on_a_console_an_exception_is_told_line_by_line() -> None:
    try:
        raise ValueError("MARKER") from KeyError("MARKER")
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "Failed", (), (type(error), error, None))
    told = logs.ForPeople().format(record)
    kinds = re.findall(r"^  (\S+)$", told, re.MULTILINE)
    assert kinds == ["builtins.ValueError", "builtins.KeyError"]
    assert re.search(r"^    tests/test_logs\.py:\d+ test_on_a_console", told, re.MULTILINE)
    assert "MARKER" not in told


# ---- what must not be in it

TITLE, DESCRIPTION, EMAIL, NAME, WORDS = "M-title", "M-description", "m-mail@example.com", "M-name", "M-words"
WRITTEN = {"title": TITLE, "description": DESCRIPTION}
MARKERS = ("M-", "m-mail", SECRET, "eyJ")  # the last is how every token begins


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def try_everything(person: Person) -> None:
    """Send what people write through every endpoint, well and badly, with every way to carry it."""
    task = body(person.post(json=WRITTEN)).get("id", NOBODYS)
    keyed = {"Idempotency-Key": "M-key", "If-Match": '"M-etag"', "X-Request-Id": "M secret id"}
    for method, path, _ in ENDPOINTS:
        address = path.format(id=task)
        for sent in (WRITTEN, {**WRITTEN, "M-unknown": "M-value"}, {"operations": [{"op": "M-op"}]}):
            person.call(method, address, json=sent)
            person.call(
                method, f"{address}?q={WORDS}&cursor=M-cursor&since=M-token", json=sent, headers=keyed
            )
        person.call(method, address, data=b'{"title": "M-broken', content_type="application/json")
        person.client.open(address, method=method, headers={"Authorization": f"Bearer {person_token()}x"})
    person.get(f"/api/tasks?q={WORDS}")
    person.get(f"/api/{TITLE}")


def person_token() -> str:
    return token_for("ada", email=EMAIL, name=NAME)


def assert_reticent(written: str) -> None:
    for marker in MARKERS:
        assert marker not in written, [line for line in written.splitlines() if marker in line][:3]


def test_no_line_holds_what_people_write_or_sign_in_with(app: Flask, log_lines: LogLines) -> None:
    try_everything(Person(app.test_client(), "ada", email=EMAIL, name=NAME))
    assert len(log_lines.written) > 100
    assert_reticent(log_lines.text)


@pytest.mark.parametrize("error", [RuntimeError(TITLE), ValueError(EMAIL), KeyError(person_token())])
def test_no_traceback_does_either(
    app: Flask, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines, error: Exception
) -> None:
    for module, name in [(tasks, "find"), (own_tasks, "sought"), (listing, "seal"), (tasks, "own_task")]:
        monkeypatch.setattr(module, name, failing(error))
    try_everything(Person(app.test_client(), "ada", email=EMAIL, name=NAME))
    assert log_lines.all("Unhandled exception")
    assert_reticent(log_lines.text)


def test_nor_does_a_row_that_the_database_refuses(
    app: Flask, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    """PostgreSQL shows the whole row in its error."""
    honest = own_tasks.sought
    monkeypatch.setattr(own_tasks, "sought", lambda task: {**honest(task), "completed": not task.completed})
    ada = Person(app.test_client(), "ada", email=EMAIL, name=NAME)
    assert ada.post(json=WRITTEN).status_code == 500
    kinds = [error["type"] for error in log_lines.one("Unhandled exception")["exception"]]
    assert kinds[0] == "sqlalchemy.exc.IntegrityError"
    assert kinds[1] in ("sqlite3.IntegrityError", "psycopg2.errors.CheckViolation 23514")
    assert_reticent(log_lines.text)


def test_nor_does_anything_that_the_running_service_writes(
    environment: dict[str, str], tmp_path: Path, app: Flask, auth_server: AuthServer
) -> None:
    settings = {**environment, "BETTER_AUTH_URL": auth_server.url, "LOG_LEVEL": "DEBUG"}
    token = auth_server.token(email=EMAIL, name=NAME)
    with Service(settings, tmp_path) as service:
        for sent in (
            f"GET /api/tasks?q={WORDS} HTTP/1.1\r\nHost: a\r\nAuthorization Bearer {token}\r\n\r\n",
            f"GET /api/tasks?q={WORDS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\x00\r\n\r\n",
            f"GET /api/tasks?q={WORDS} HTTP/9.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n",
            f"GET /api/tasks?q={WORDS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token * 60}\r\n\r\n",
            f"{token} /api/tasks?q={WORDS} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            f"GET /api/tasks?q={WORDS}{token * 40} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        ):
            service.send(sent.encode())
        for held in (token, f"{token}x", person_token()):
            service.http.post("/api/tasks", json=WRITTEN, headers={"Authorization": f"Bearer {held}"})
            service.http.get(f"/api/tasks?q={WORDS}", headers={"Authorization": f"Bearer {held}"})
    lines = [json.loads(line) for line in service.output.splitlines()]
    assert {"gunicorn.error", "todo_service.requests"} <= {line["logger"] for line in lines}
    assert any(line["message"].startswith("Invalid request from ip=127.0.0.1") for line in lines)
    assert_reticent(service.output)
