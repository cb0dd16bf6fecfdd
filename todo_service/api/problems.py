"""Problem details (RFC 9457): the one error shape, and how every exception becomes it."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal

from flask import Flask, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from todo_service.api.json_response import json_response
from todo_service.db.availability import NotReady, reason, unavailability
from todo_service.ops.request_ids import request_id

log = logging.getLogger(__name__)

PROBLEM = "application/problem+json"

# Retry-After of a 503, in seconds: long enough for a pool or a lock to clear, short enough for a person.
RETRY_SOON = 2

# RFC 9110's names, which Python learnt only in 3.13.
TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}

# All codes there are: stable, documented, and an enumeration in the OpenAPI document.
Code = Literal[
    "validation_error",
    "missing_token",
    "invalid_token",
    "token_expired",
    "forbidden",
    "not_found",
    "method_not_allowed",
    "idempotency_conflict",
    "sync_token_expired",
    "account_erased",
    "task_deleted",
    "precondition_failed",
    "payload_too_large",
    "unsupported_media_type",
    "idempotency_key_reused",
    "rate_limited",
    "internal_error",
    "service_unavailable",
]

CODES: dict[int, Code] = {
    400: "validation_error",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    500: "internal_error",
}

DETAILS = {
    400: "The request could not be understood.",
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    500: "Something went wrong on our side; it has been logged.",
}

Errors = Mapping[str, Any]


class Problem(Exception):
    """A refusal, ready to be sent.

    Args:
        status: the HTTP status.
        code: the stable name that clients may switch on.
        detail: one sentence that a frontend may show.
        errors: messages by field or parameter, where there are any.
        current: the task as it is, where a precondition failed.
        headers: header fields the status calls for.
    """

    def __init__(
        self,
        status: int,
        code: Code,
        detail: str,
        *,
        errors: Errors | None = None,
        current: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        # What a log may tell: the detail of errors quotes names and values that the client chose.
        super().__init__(code if errors else detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.current, self.headers = errors, current, headers or {}

    def response(self) -> Response:
        members = {
            "type": "about:blank",
            "title": TITLES.get(self.status) or HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "request_id": request_id(),
        }
        if self.errors:
            members["errors"] = self.errors
        if self.current:
            members["current"] = self.current
        answer = json_response(members, self.status, PROBLEM)
        answer.headers.extend(self.headers)
        return answer


def invalid(errors: Errors) -> Problem:
    """400 for fields or parameters, `errors` mapping each to its messages."""
    errors = dict(sorted(errors.items()))
    return Problem(400, "validation_error", summarize(errors), errors=errors)


def unavailable(detail: str, retry_after: int = RETRY_SOON) -> Problem:
    """503: something we depend on does not answer; `retry_after` is in seconds."""
    return Problem(503, "service_unavailable", detail, headers={"Retry-After": str(retry_after)})


def summarize(errors: Errors, longest: int = 500) -> str:
    """`{"title": ["Too long."]}` as one sentence of at most `longest` characters."""
    joined = "; ".join(f"{name}: {' '.join(said).rstrip('.')}" for name, said in errors.items())
    return f"{joined}." if len(joined) < longest else f"{joined[: longest - 1]}…"


def init_app(app: Flask) -> None:
    @app.errorhandler(Problem)
    def refused(problem: Problem) -> Response:
        return problem.response()

    @app.errorhandler(NotReady)
    def not_ready(error: NotReady) -> Response:
        return unavailable(error.detail).response()

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = HTTPStatus(error.code or 500)
        code = CODES.get(status) or CODES[500 if status >= 500 else 400]
        detail = DETAILS.get(status) or f"{status.description or status.phrase}."
        methods = error.valid_methods if isinstance(error, MethodNotAllowed) else None
        headers = {"Allow": ", ".join(methods)} if methods else None
        return Problem(status, code, detail, headers=headers).response()

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        if detail := unavailability(error):
            log.warning("The database is unavailable: %s", reason(error))
            return unavailable(detail).response()
        log.error("Unhandled exception", exc_info=error)
        return Problem(500, CODES[500], DETAILS[500]).response()
