"""One error shape for everything (contract §1)."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg2 import errors as pg
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.test import TestResponse

from tests.conftest import MakeApp
from tests.faults import OWN, failing, person_with, statements_fail
from tests.log_lines import LogLines
from tests.people import Person, body

MEMBERS = {"type", "title", "status", "code", "detail", "request_id"}


def problem(answer: TestResponse, status: int, code: str, title: str) -> dict[str, Any]:
    """Check an answer for all that every problem has in common; return its body."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    found: dict[str, Any] = body(answer)
    assert set(found) - {"errors", "current"} == MEMBERS
    assert (found["type"], found["status"]) == ("about:blank", status)
    assert (found["code"], found["title"]) == (code, title)
    assert re.fullmatch(r"[A-Z].*|\w+: .*[.…]", found["detail"])
    assert found["request_id"] == answer.headers["X-Request-Id"]
    assert answer.headers["Cache-Control"] == "no-store"
    return found


def test_every_refusal_has_the_same_shape(client: FlaskClient, ada: Person, bob: Person) -> None:
    path = f"/api/tasks/{ada.adds()['id']}"
    problem(ada.post(json={}), 400, "validation_error", "Bad Request")
    problem(client.get("/api/tasks"), 401, "missing_token", "Unauthorized")
    problem(bob.get(path), 403, "forbidden", "Forbidden")
    problem(ada.get("/api/tasks/x"), 404, "not_found", "Not Found")
    problem(client.get("/nowhere"), 404, "not_found", "Not Found")
    problem(client.get("/api/nowhere"), 404, "not_found", "Not Found")
    problem(ada.put("/api/tasks", json={}), 405, "method_not_allowed", "Method Not Allowed")
    problem(client.post("/health"), 405, "method_not_allowed", "Method Not Allowed")
    large = ada.post(data=b" " * 300_000, content_type="application/json")
    problem(large, 413, "payload_too_large", "Content Too Large")
    problem(ada.post(data="title=x"), 415, "unsupported_media_type", "Unsupported Media Type")


def test_errors_maps_each_field_to_its_messages(ada: Person) -> None:
    found = problem(ada.post(json={"title": "", "x": 1}), 400, "validation_error", "Bad Request")
    assert found["errors"] == {"title": ["Length must be between 1 and 200."], "x": ["Unknown field."]}
    assert found["detail"] == "title: Length must be between 1 and 200; x: Unknown field."


def test_a_detail_stays_readable_however_long_the_names(ada: Person) -> None:
    many = {f"{'x' * 97}{number:03}": 1 for number in range(100)}
    found = problem(ada.post(json=many), 400, "validation_error", "Bad Request")
    assert len(found["detail"]) == 500
    assert set(found["errors"]) == {"title", *many}


def test_the_rate_limit_refuses_with_429(make_app: MakeApp) -> None:
    limited = make_app(RATE_LIMIT="3/minute")
    ada, bob = Person(limited.test_client(), "ada"), Person(limited.test_client(), "bob")
    left = [ada.get().headers["X-RateLimit-Remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    refused = ada.get()
    problem(refused, 429, "rate_limited", "Too Many Requests")
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert refused.headers["X-RateLimit-Limit"] == "3"
    assert int(refused.headers["X-RateLimit-Reset"]) > 1_700_000_000
    assert bob.get().status_code == 200


class Secret(Exception):
    """What must not leak: SECRET-IN-EXCEPTION."""


UNAVAILABLE: list[Exception] = [
    OperationalError("SELECT secret", {"title": "secret"}, pg.QueryCanceled("secret")),
    OperationalError("SELECT secret", {}, pg.LockNotAvailable("secret")),
    OperationalError("SELECT secret", {}, pg.AdminShutdown("secret")),
    OperationalError("SELECT secret", {}, pg.DeadlockDetected("secret")),
    OperationalError("SELECT secret", {}, pg.DiskFull("secret")),
    DBAPIError("SELECT secret", {}, pg.DatabaseError("secret"), connection_invalidated=True),
    PoolTimeout("QueuePool limit of size 8 secret"),
]


@pytest.mark.parametrize("error", UNAVAILABLE, ids=lambda error: type(getattr(error, "orig", error)).__name__)
def test_a_database_that_cannot_answer_is_503(
    app: Flask, ada: Person, error: Exception, log_lines: LogLines
) -> None:
    with statements_fail(app, error):
        answer = ada.get()
    found = problem(answer, 503, "service_unavailable", "Service Unavailable")
    assert found["detail"] == "The database is not available at the moment."
    assert int(answer.headers["Retry-After"]) >= 1
    assert "secret" not in answer.text
    assert "SELECT" not in log_lines.text


def test_a_key_is_free_after_a_database_could_not_answer(app: Flask, ada: Person) -> None:
    key = {"Idempotency-Key": "k"}
    with statements_fail(app, UNAVAILABLE[0]):
        assert ada.post(json={"title": "x"}, headers=key).status_code == 503
    assert ada.post(json={"title": "x"}, headers=key).status_code == 201


def test_a_bug_is_500_logged_with_its_request_id_and_shown_to_nobody(
    make_app: MakeApp, log_lines: LogLines
) -> None:
    answer = person_with(make_app(), failing(Secret("SECRET-IN-EXCEPTION"))).get(OWN)
    found = problem(answer, 500, "internal_error", "Internal Server Error")
    assert "SECRET" not in answer.text
    assert "Traceback" not in answer.text
    logged = log_lines.one("Unhandled exception")
    assert (logged["level"], logged["request_id"]) == ("ERROR", found["request_id"])
    assert logged["exception"][0]["type"] == f"{__name__}.Secret"
    assert re.search(r"tests/faults\.py:\d+ fail$", logged["exception"][0]["at"][-1])
    assert "SECRET" not in log_lines.text
    assert found["detail"] == "Something went wrong on our side; it has been logged."


def test_a_write_that_fails_half_way_leaves_nothing_behind(app: Flask, ada: Person) -> None:
    task = ada.adds()
    with statements_fail(app, RuntimeError(), "INSERT INTO deletions"):
        assert ada.delete(f"/api/tasks/{task['id']}").status_code == 500
    assert body(ada.get()) == [task]
    assert ada.adds()["revision"] == 2
