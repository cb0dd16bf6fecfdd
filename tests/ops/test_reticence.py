"""What is not logged: what people write or sign in with; and what exceptions tell instead."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2.errors
import pytest
from flask import Flask, current_app
from marshmallow import ValidationError
from sqlalchemy.exc import IntegrityError

from tests.auth_server import AuthServer
from tests.conftest import MakeApp
from tests.endpoints import ENDPOINTS, NOBODYS
from tests.faults import OWN, caused, engine_of, failing, person_with, statements_fail
from tests.log_lines import LogLines
from tests.people import SECRET, Person, body, token_for
from tests.service import Service
from todo_service.config import SettingError

TITLE, DESCRIPTION, EMAIL, NAME, WORDS = "M-title", "M-description", "m-mail@example.com", "M-name", "M-words"
WRITTEN = {"title": TITLE, "description": DESCRIPTION}
MARKERS = ("M-", "m-mail", SECRET, "eyJ")  # the last is how every token begins


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
def test_no_traceback_holds_what_people_write_or_sign_in_with(
    app: Flask, log_lines: LogLines, error: Exception
) -> None:
    with statements_fail(app, error, "tasks"):
        try_everything(Person(app.test_client(), "ada", email=EMAIL, name=NAME))
    assert log_lines.all("Unhandled exception")
    assert_reticent(log_lines.text)


SPOIL = {
    "sqlite": """
        CREATE TRIGGER spoil AFTER INSERT ON tasks
        BEGIN UPDATE tasks SET completed = 1 WHERE id = NEW.id; END
    """,
    "postgresql": """
        CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN NEW.completed := true; RETURN NEW; END';
        CREATE TRIGGER spoil BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION spoil()
    """,
}
UNDO = {"sqlite": "DROP TRIGGER spoil", "postgresql": "DROP FUNCTION spoil CASCADE"}


@pytest.fixture
def spoilt(app: Flask) -> Iterator[None]:
    """Each new task becomes one that the database refuses: completed, and at no time."""
    engine = engine_of(app)
    with app.app_context(), engine.connect() as connection:
        connection.exec_driver_sql(SPOIL[engine.dialect.name])
    yield
    with app.app_context(), engine.connect() as connection:
        connection.exec_driver_sql(UNDO[engine.dialect.name])


@pytest.mark.usefixtures("spoilt")
def test_a_row_that_the_database_refuses_is_not_told(app: Flask, log_lines: LogLines) -> None:
    """PostgreSQL shows the whole row in its error."""
    ada = Person(app.test_client(), "ada", email=EMAIL, name=NAME)
    assert ada.post(json=WRITTEN).status_code == 500
    kinds = [error["type"] for error in log_lines.one("Unhandled exception")["exception"]]
    assert kinds[0] == "sqlalchemy.exc.IntegrityError"
    assert kinds[1] in ("sqlite3.IntegrityError", "psycopg2.errors.CheckViolation 23514")
    assert_reticent(log_lines.text)


def test_nothing_that_the_running_service_writes_holds_what_people_write_or_sign_in_with(
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


# ---- exceptions

DETAIL = "Failing row contains (M-title)"


def exception_told(app: Flask, log_lines: LogLines, error: Exception) -> Any:
    assert person_with(app, failing(error)).get(OWN).status_code == 500
    return log_lines.one("Unhandled exception")["exception"]


def test_causes_that_go_in_a_circle_end(make_app: MakeApp, log_lines: LogLines) -> None:
    first, second = ValueError(), KeyError()
    told = exception_told(make_app(), log_lines, caused(first, caused(second, first)))
    assert [error["type"] for error in told] == ["builtins.ValueError", "builtins.KeyError"]


def test_a_context_that_was_suppressed_is_not_told(make_app: MakeApp, log_lines: LogLines) -> None:
    error = ValueError()
    error.__context__, error.__suppress_context__ = KeyError(), True
    told = exception_told(make_app(), log_lines, error)
    assert [error["type"] for error in told] == ["builtins.ValueError"]


def test_our_own_exceptions_tell_their_message(make_app: MakeApp, log_lines: LogLines) -> None:
    told = exception_told(make_app(), log_lines, caused(RuntimeError("M-x"), SettingError("PORT is odd")))
    assert "message" not in told[0]
    assert (told[1]["type"], told[1]["message"]) == ("todo_service.config.SettingError", "PORT is odd")


def create_and_break() -> None:
    """A view that creates a task as the service's own does, and has a bug where that is refused."""
    try:
        current_app.view_functions["tasks.create_task"]()
    except Exception as refusal:
        raise RuntimeError from refusal


def test_a_refusal_does_not_tell_the_names_that_a_client_chose(
    make_app: MakeApp, log_lines: LogLines
) -> None:
    ada = person_with(make_app(), create_and_break, "POST")
    assert ada.post(OWN, json={"title": "x", "M-unknown": 1}).status_code == 500
    (_, refusal) = log_lines.one("Unhandled exception")["exception"]
    assert refusal["message"] == "validation_error"
    assert_reticent(log_lines.text)


@pytest.mark.parametrize(("level", "is_told"), [("INFO", False), ("DEBUG", True)])
@pytest.mark.parametrize(
    "error",
    [
        IntegrityError("INSERT", {}, sqlite3.IntegrityError(DETAIL)),
        psycopg2.errors.CheckViolation(DETAIL),
        ValidationError({"title": [DETAIL]}),
    ],
    ids=lambda error: type(error).__name__,
)
def test_messages_of_drivers_and_validators_are_told_when_debugging_only(
    make_app: MakeApp, log_lines: LogLines, error: Exception, level: str, is_told: bool
) -> None:
    told = exception_told(make_app(LOG_LEVEL=level), log_lines, error)
    assert (DETAIL in log_lines.text, DETAIL in told[0].get("message", "")) == (is_told, is_told)
