"""The OpenAPI document, made of the routes, their docstrings and the schemas they validate with."""

import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from todo_service.config import VERSION
from todo_service.contract import Returns, Takes
from todo_service.openapi_answers import (
    EXAMPLE_ID,
    RATE_LIMIT,
    header_components,
    headers,
    problem,
    problem_components,
)
from todo_service.openapi_schemas import JSON, OPENAPI, Schemas

View = Callable[..., Any]

ABOUT = """\
The to-do lists of people who sign in with Better Auth.

**Signing in.** Everything under `/api` needs `Authorization: Bearer <token>`, the JWT that the Better Auth
server issues. It alone says whose tasks are meant; nobody sees or changes anybody else's.

**Errors** all have one shape, `application/problem+json`: show `detail` to people, switch on `code`, and find
the messages for a form's fields in `errors`. Members and query parameters that are not documented here are
refused, so that a typing error never goes unnoticed.

**Conditional requests.** A task's `ETag` is its `revision`. Send it as `If-None-Match` when reading the task
again: if nothing has changed, the answer is an empty 304.

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

IF_NONE_MATCH: JSON = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of the task as you know it; if it is still the same, the answer is 304.",
    "schema": {"type": "string"},
}

BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The token that the Better Auth server issues to its signed-in user.",
}

# Where something may be away that the answer depends on.
DEPENDENT = ("/api/", "/health/ready")


def serves(*media_types: str) -> Callable[[View], View]:
    """Tell the document what a view answers with that does without `@returns`."""

    def decorate(view: View) -> View:
        view.serves = media_types  # type: ignore[attr-defined]  # read by Operation
        return view

    return decorate


def describe(app: Flask) -> JSON:
    """The document of all that `app` serves; to be called in a request, which the problems in it name."""
    sent, answered = Schemas.sent(), Schemas.answered()
    paths: dict[str, JSON] = {}
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            operation = Operation(rule, method, view, sent, answered)
            paths.setdefault(template(rule), {})[method.lower()] = operation.describe()
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


def template(rule: Rule) -> str:
    """`/api/tasks/<id>` as OpenAPI writes it: `/api/tasks/{id}`."""
    return re.sub("<(?:[^<>]*:)?([^<>]*)>", r"{\1}", rule.rule)


class Operation:
    """One method of one route, described by what the decorators left on its view."""

    def __init__(self, rule: Rule, method: str, view: View, sent: Schemas, answered: Schemas) -> None:
        self.rule, self.view, self.sent, self.answered = rule, view, sent, answered
        self.takes: Takes | None = getattr(view, "takes", None)
        self.returns: Returns = getattr(view, "returns", Returns(None, HTTPStatus.OK))
        self.body = self.takes and self.takes.body
        self.is_api = rule.rule.startswith("/api/")
        schema = self.returns.schema
        self.is_of_a_task = bool(schema and not schema.many and "revision" in schema.fields)
        self.is_conditional = self.is_of_a_task and method == "GET"

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
        if self.is_conditional:
            yield IF_NONE_MATCH

    def request_body(self) -> JSON | None:
        if not self.takes or not self.takes.body:
            return None
        content = {"application/json": self.sent.content(self.takes.body)}
        return {"required": not self.takes.body_optional, "content": content}

    def responses(self) -> Iterator[tuple[int, JSON]]:
        yield self.returns.status, self.success()
        if self.is_conditional:
            yield 304, {"description": "It is still the same.", "headers": self.headers()}
        for status in self.refusals():
            yield status, problem(status)

    def success(self) -> JSON:
        status = HTTPStatus(self.returns.status)
        content: JSON = {media_type: {} for media_type in getattr(self.view, "serves", ())}
        if self.returns.schema:
            content["application/json"] = self.answered.content(self.returns.schema)
        answer = {"description": status.phrase, "headers": self.headers()}
        return {**answer, "content": content} if content else answer

    def headers(self) -> JSON:
        names = ["X-Request-Id"]
        names += RATE_LIMIT if self.is_api else ()
        names += ["ETag"] if self.is_of_a_task else ()
        names += ["Location"] if self.returns.status == HTTPStatus.CREATED else ()
        return headers(names)

    def refusals(self) -> list[int]:
        """The statuses of the problems this operation may answer with, beside those that any may."""
        possible = {
            400: self.takes,
            401: self.is_api,
            403: "id" in self.rule.arguments,
            404: self.rule.arguments,
            413: self.body,
            415: self.body,
            429: self.is_api,
            503: self.rule.rule.startswith(DEPENDENT),
        }
        return [status for status, may_happen in possible.items() if may_happen]
