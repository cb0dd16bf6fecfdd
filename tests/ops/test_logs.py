"""What is logged: a line for each request and each event, in one form whoever wrote it."""

import json
import logging
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from werkzeug.serving import make_server

from tests.conftest import MakeApp
from tests.endpoints import NOBODYS
from tests.faults import OWN, caused, engine_of, failing, person_with
from tests.log_lines import LogLines
from tests.people import SECRET, Person
from tests.service import ROOT, Service, clean_environment
from todo_service.config import SettingError

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
def test_a_malformed_traceparent_is_no_trace(ada: Person, log_lines: LogLines, sent: str) -> None:
    ada.get("/health", headers={"traceparent": sent})
    assert "trace_id" not in log_lines.one("request")


def test_a_traceparent_of_a_later_version_counts(ada: Person, log_lines: LogLines) -> None:
    ada.get("/health", headers={"traceparent": f"01{PARENT[2:]}-more"})
    assert log_lines.one("request")["trace_id"] == TRACE


def test_events_carry_the_ids_of_their_request(make_app: MakeApp, log_lines: LogLines) -> None:
    ada = person_with(make_app(), failing(OperationalError("", {}, Exception("away"))))
    ada.get(OWN, headers={"X-Request-Id": "mine", "traceparent": PARENT})
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
    assert (line["route"], line["bytes"]) == ("/api/account/export", sent)
    assert 3 <= line["db_statements"] <= 4  # on PostgreSQL one says what the transaction is


def test_a_user_id_that_is_an_email_address_is_not_told(app: Flask, log_lines: LogLines) -> None:
    Person(app.test_client(), "ada@example.com").get()
    assert log_lines.one("request")["user_id"].startswith("sha256:")


def test_the_least_level_can_be_set(make_app: MakeApp, log_lines: LogLines) -> None:
    make_app(LOG_LEVEL="WARNING").test_client().get("/health")
    assert log_lines.written == []


# ---- whose line it is


def warning(message: str) -> Callable[[], str]:
    """A view of which a library has something to say."""

    def view() -> str:
        logging.getLogger("library").warning(message)
        return ""

    return view


def test_lines_of_a_library_carry_the_ids_of_the_request_too(make_app: MakeApp, log_lines: LogLines) -> None:
    ada = person_with(make_app(), warning("Odd"))
    ada.get(OWN, headers={"X-Request-Id": "mine", "traceparent": PARENT})
    line = log_lines.one("Odd")
    assert (line["request_id"], line["trace_id"]) == ("mine", TRACE)
    assert (line["level"], line["logger"]) == ("WARNING", "library")


def test_ids_end_with_their_request(make_app: MakeApp, log_lines: LogLines) -> None:
    ada = person_with(make_app(), warning("During"))
    ada.get(headers={"X-Request-Id": "first", "traceparent": PARENT})
    logging.getLogger("library").warning("Between")
    ada.get(OWN, headers={"X-Request-Id": "second"})
    assert not {"request_id", "trace_id"} & log_lines.one("Between").keys()
    line = log_lines.one("During")
    assert line["request_id"] == "second"
    assert "trace_id" not in line


def test_a_failed_request_leaves_no_ids_behind(make_app: MakeApp, log_lines: LogLines) -> None:
    assert person_with(make_app(), failing(RuntimeError())).get(OWN).status_code == 500
    logging.getLogger("library").warning("Between")
    assert "request_id" not in log_lines.one("Between")


def test_whoever_listens_to_logging_hears_of_a_failure_and_its_exception(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    """So does Sentry."""
    error = RuntimeError()
    person_with(make_app(), failing(error)).get(OWN)
    (record,) = caplog.records
    assert (record.name, record.getMessage()) == ("todo_service.api.problems", "Unhandled exception")
    assert record.exc_info
    assert record.exc_info[1] is error


# ---- the form


def test_a_line_that_orjson_cannot_write_is_written_all_the_same(app: Flask, log_lines: LogLines) -> None:
    logging.getLogger("library").warning("Half \ud83d", extra={"number": 2**64})
    assert log_lines.one("Half \ud83d")["number"] == 2**64


ANSWERED = "from wsgi import app; print(app.test_client().get('/api/nowhere').status_code)"


def test_a_request_is_answered_though_nothing_can_be_logged() -> None:
    """Standard error leads to a disk that is full."""
    with Path("/dev/full").open("w") as full:
        program = subprocess.run(
            [sys.executable, "-c", ANSWERED],
            cwd=ROOT,
            env=clean_environment(BETTER_AUTH_SECRET=SECRET),
            stdout=subprocess.PIPE,
            stderr=full,
            timeout=60,
            check=False,
        )
    assert program.stdout == b"404\n"


def test_a_line_on_a_console_is_one_line_of_words(make_app: MakeApp, log_lines: LogLines) -> None:
    app = make_app(LOG_FORMAT="console")
    Person(app.test_client(), "eve\n2026-11-21 ERROR forged").get("/api/tasks/none")
    (line,) = log_lines.written
    assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z INFO    request .*method=GET route=/api/tasks/\{id\} ", line)
    assert r'user_id="eve\n2026-11-21 ERROR forged"' in line


@pytest.mark.parametrize("end", ["\n", "\r", "\u2028", "\x1b[1A"])
def test_no_message_on_a_console_can_pass_for_a_line(
    make_app: MakeApp, log_lines: LogLines, end: str
) -> None:
    make_app(LOG_FORMAT="console")
    logging.getLogger("library").warning("Odd: %s2026-11-21 ERROR forged", end)
    (line,) = log_lines.written
    assert f'WARNING "Odd: {json.dumps(end)[1:-1]}2026-11-21 ERROR forged" logger=library' in line


def test_an_exception_on_a_console_is_told_line_by_line(make_app: MakeApp, log_lines: LogLines) -> None:
    error = caused(ValueError("MARKER"), SettingError("PORT is\nodd"))
    person_with(make_app(LOG_FORMAT="console"), failing(error)).get(OWN)
    kinds = re.findall(r"^  (\S.*)$", log_lines.text, re.MULTILINE)
    assert kinds == ["builtins.ValueError", r'todo_service.config.SettingError: "PORT is\nodd"']
    assert re.search(r"^    tests/faults\.py:\d+ fail$", log_lines.text, re.MULTILINE)
    assert "MARKER" not in log_lines.text


def test_the_server_and_the_migrations_write_the_same_form(
    environment: dict[str, str], tmp_path: Path
) -> None:
    settings = {**environment, "DATABASE_URL": f"sqlite:///{tmp_path}/new.db"}
    with Service(settings, tmp_path) as service:
        service.wait_until(lambda: service.http.get("/health/ready").status_code == 200)
    lines = [json.loads(line) for line in service.output.splitlines()]
    by_logger = {line["logger"]: line for line in lines}
    for logger in ("gunicorn.error", "alembic.runtime.migration"):
        assert list(by_logger[logger])[:4] == ["time", "level", "logger", "message"]
        assert datetime.fromisoformat(by_logger[logger]["time"]).tzinfo
    said = [line["message"] for line in lines]
    assert said.count("Shutting down: Master") == 1
    assert any(message.startswith("Running upgrade") for message in said)


def test_flasks_own_server_does_not_quote_addresses(app: Flask, log_lines: LogLines) -> None:
    server = make_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    httpx.get(f"http://127.0.0.1:{server.port}/health?SECRET")
    thread.join()
    server.server_close()
    assert log_lines.one("request")["route"] == "/health"
    assert "SECRET" not in log_lines.text


# ---- what it costs


def test_a_database_that_cannot_be_reached_took_no_statement(make_app: MakeApp, log_lines: LogLines) -> None:
    app = make_app(DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    assert Person(app.test_client(), "ada").get().status_code == 503
    line = log_lines.one("request")
    assert (line["db_statements"], line["db_ms"]) == (0, 0)


def test_a_statement_that_fails_is_counted(make_app: MakeApp, log_lines: LogLines) -> None:
    app = make_app()

    def ask_in_vain() -> str:
        with engine_of(app).connect() as connection, pytest.raises(SQLAlchemyError):
            connection.execute(text("SELECT nothing FROM nowhere"))
        return ""

    assert person_with(app, ask_in_vain).get(OWN).status_code == 200
    line = log_lines.one("request")
    assert line["db_statements"] == 1
    assert 0 < line["db_ms"] < line["duration_ms"]
