"""The OpenAPI document, made of the routes, their docstrings and the schemas they validate with."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from todo_service.config import VERSION
from todo_service.contract import Returns, Takes
from todo_service.idempotency import KEY
from todo_service.openapi_answers import (
    EXAMPLE_ID,
    RATE_LIMIT,
    header_components,
    headers,
    problem,
    problem_components,
)
from todo_service.openapi_schemas import JSON, OPENAPI, Schemas
from todo_service.telemetry import template
from todo_service.wire import MAX_DEPTH, MAX_MEMBERS, MAX_NAME

View = Callable[..., Any]

ABOUT = f"""\
The to-do lists of people who sign in with Better Auth.

**Signing in.** Everything under `/api` needs `Authorization: Bearer <token>`, the JWT that the Better Auth
server issues. It alone says whose tasks are meant; nobody sees or changes anybody else's.

**Errors** all have one shape, `application/problem+json`: show `detail` to people, switch on `code`, and find
the messages for a form's fields in `errors`. Members and query parameters that are not documented here are
refused, so that a typing error never goes unnoticed.

**Bodies** are JSON objects, at most {MAX_DEPTH} levels deep, of at most {MAX_MEMBERS} members each, whose
names have at most {MAX_NAME} characters. NUL and halves of surrogate pairs are refused wherever they stand.

**Conditional requests.** A task's `ETag` is its `revision`, in quotes; a list has one too. Send it as
`If-None-Match` when reading again: if nothing has changed, the answer is an empty 304. Send a task's as
`If-Match` when changing it: if somebody was faster nothing is changed, and the 412 brings the task as it is.

**Trying again.** A POST with an `Idempotency-Key` is done once, however often it arrives. 409, 429 and 503
pass; `Retry-After` says when to try again.

**Working offline.** Make ids on the device, create with `PUT` and `If-None-Match: *`, and follow
`GET /api/tasks/changes`.

**Also.** Every path works with and without a slash at its end. Times are UTC in answers; in requests they may
have any offset. Every answer has an `X-Request-Id`: quote it when something goes wrong.
"""

PATH_PARAMETERS: dict[str, JSON] = {
    "id": {
        "description": "The task's id.",
        "schema": {"type": "string", "format": "uuid"},
        "example": EXAMPLE_ID,
    }
}


def header_parameter(name: str, description: str, **schema: str) -> JSON:
    return {
        "name": name,
        "in": "header",
        "description": description,
        "schema": {"type": "string", **schema},
    }


IF_CHANGED = header_parameter(
    "If-None-Match", "The ETag as you know it; if it is still the same, the answer is 304."
)
IF_NEW = header_parameter(
    "If-None-Match",
    "`*`: create the task under this id, if you have none; the body then needs a title.",
)
IF_UNCHANGED = header_parameter(
    "If-Match", "The ETag of the task as you know it; if it is another by now, the answer is 412."
)
IDEMPOTENCY_KEY = header_parameter(
    "Idempotency-Key",
    "A name for what the user did, the same whenever it is sent again: it is done once.",
    pattern=f"^{KEY.pattern}$",
)

BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The token that the Better Auth server issues to its signed-in user.",
}

# Where something may be away that the answer depends on.
DEPENDENT = ("/api/", "/health/ready")


def describe(app: Flask) -> JSON:
    """The document of all that `app` serves; to be called in a request, which the problems in it name."""
    sent, answered = Schemas.sent(), Schemas.answered()
    paths: dict[str, JSON] = {}
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            operation = Operation(rule, method, view, sent, answered)
            paths.setdefault(template(rule.rule), {})[method.lower()] = operation.describe()
    problems = problem_components(answered)  # adds a schema, so it comes before they are listed
    return {
        "openapi": OPENAPI,
        "info": {"title": "Todo service", "version": VERSION, "description": ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in app.blueprints],
        "paths": paths,
        "components": {
            "schemas": {**answered.components, **sent.components},
            "responses": problems,
            "headers": header_components(),
            "securitySchemes": {"bearer": BEARER},
        },
    }


class Operation:
    """One method of one route, described by what the decorators left on its view."""

    def __init__(self, rule: Rule, method: str, view: View, sent: Schemas, answered: Schemas) -> None:
        self.rule, self.view, self.sent, self.answered = rule, view, sent, answered
        self.takes: Takes | None = getattr(view, "takes", None)
        self.returns: Returns = getattr(view, "returns", Returns(None, HTTPStatus.OK))
        self.body = self.takes and self.takes.body
        self.query = self.takes.query.fields if self.takes else {}
        self.is_api = rule.rule.startswith("/api/")
        self.is_batch = bool(self.body and "operations" in self.body.fields)
        self.is_patch = bool(self.body and self.body.partial and method == "PATCH")
        self.is_done_once = hasattr(view, "writes_once")
        self.has_etag = bool(self.returns.schema and "revision" in self.returns.schema.fields)
        self.is_conditional_read = self.has_etag and method == "GET"
        self.is_conditional_write = "id" in rule.arguments and method != "GET"

    def describe(self) -> JSON:
        summary, _, description = " ".join((self.view.__doc__ or "").split()).partition(". ")
        members: JSON = {
            "operationId": self.view.__name__,
            "tags": [self.rule.endpoint.partition(".")[0]],
            "summary": summary.removesuffix("."),
            "description": description,
            "security": [{"bearer": []}] if self.is_api else None,
            "parameters": list(self.parameters()),
            "requestBody": self.request_body(),
            "responses": {str(status): answer for status, answer in self.responses()},
        }
        return {name: value for name, value in members.items() if value}

    def parameters(self) -> Iterator[JSON]:
        for name in sorted(self.rule.arguments):
            described = PATH_PARAMETERS.get(name, {"schema": {"type": "string"}})
            yield {"name": name, "in": "path", "required": True, **described}
        if self.takes:
            yield from self.sent.query(self.takes.query)
        if self.is_conditional_read:
            yield IF_CHANGED
        if self.is_conditional_write:
            yield IF_UNCHANGED
        if self.is_conditional_write and self.returns.may_create:
            yield IF_NEW
        if self.is_done_once:
            yield IDEMPOTENCY_KEY

    def request_body(self) -> JSON | None:
        if not self.takes or not self.takes.body:
            return None
        content = self.sent.content(self.takes.body)
        media_types = ["application/json"] + ["application/merge-patch+json"] * self.is_patch
        return {
            "description": f"At most {self.takes.limit // 1024} KiB.",
            "required": not self.takes.body_optional,
            "content": dict.fromkeys(media_types, content),
        }

    def responses(self) -> Iterator[tuple[int, JSON]]:
        statuses = {self.returns.status} | ({201} if self.returns.may_create else set())
        for status in sorted(statuses):
            yield status, self.success(HTTPStatus(status))
        if self.is_conditional_read:
            yield 304, {"description": "It is still the same.", "headers": self.headers(304)}
        for status in self.refusals():
            yield status, problem(status)

    def success(self, status: HTTPStatus) -> JSON:
        content: JSON = {media_type: {} for media_type in getattr(self.view, "serves", ())}
        if self.returns.schema:
            content["application/json"] = self.answered.content(self.returns.schema)
        answer = {"description": status.phrase, "headers": self.headers(status)}
        return {**answer, "content": content} if content else answer

    def headers(self, status: int) -> JSON:
        possible = {
            "X-Request-Id": True,
            **dict.fromkeys(RATE_LIMIT, self.is_api),
            "ETag": self.has_etag,
            "Location": status == 201,
            "Link": "cursor" in self.query and status == 200,
            "X-Total-Count": "count" in self.query and status == 200,
            "Idempotency-Replayed": self.is_done_once,
        }
        return headers(name for name, may_be_there in possible.items() if may_be_there)

    def refusals(self) -> list[int]:
        """The statuses of the problems this operation may answer with, beside those that any may."""
        possible = {
            400: self.takes,
            401: self.is_api,
            403: "id" in self.rule.arguments or self.is_batch,
            404: self.rule.arguments or self.is_batch,
            409: self.is_done_once,
            410: "since" in self.query,
            412: self.is_conditional_write or self.is_batch,
            413: self.body,
            415: self.body,
            422: self.is_done_once,
            429: self.is_api,
            503: self.rule.rule.startswith(DEPENDENT),
        }
        return [status for status, may_happen in possible.items() if may_happen]
