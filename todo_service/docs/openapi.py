"""The OpenAPI document, made by apispec: of routes, docstrings and what the views' decorators were told."""

from collections.abc import Callable, Iterator
from functools import cache
from http import HTTPStatus
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from todo_service.api.contract import Returns, Takes
from todo_service.api.json_body import MAX_DEPTH, MAX_MEMBERS, MAX_NAME
from todo_service.config import VERSION
from todo_service.docs.components import (
    EXAMPLE_TASK,
    HEADER_PARAMETERS,
    IDEMPOTENCY_KEY,
    IF_CHANGED,
    RATE_LIMIT,
    add_headers,
    add_refusals,
    headers,
    refusal_name,
)
from todo_service.docs.schemas import Object, example, new_spec
from todo_service.ops.telemetry import template

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

**Trying again.** A write with an `Idempotency-Key` is done once, however often it arrives. 409, 429 and 503
pass; `Retry-After` says when to try again.

**Working offline.** Make ids on the device, create with `PUT` and `If-None-Match: *`, and follow
`GET /api/tasks/changes`.

**Also.** Every path works with and without a slash at its end. A parameter that takes a list may be repeated
(`sort=priority&sort=title`) or hold commas (`sort=priority,title`). Times are UTC in answers; in requests
they may have any offset. Every answer has an `X-Request-Id`: quote it when something goes wrong.
"""

PATH_PARAMETERS = {
    "id": {
        "description": "The task's id.",
        "schema": {"type": "string", "format": "uuid"},
        "example": EXAMPLE_TASK["id"],
    }
}

BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The token that the Better Auth server issues to its signed-in user.",
}


# What is said of answers that no schema of ours describes, by their kind; nothing of images.
WITHOUT_SCHEMA: dict[str, Object] = {
    "text": {"schema": {"type": "string"}},
    "application": {"schema": {"type": "object"}},
}

TAGS = {
    "tasks": "Create, find, change, complete and delete tasks.",
    "batch": "Many changes as one: all of them, or none.",
    "changes": "What has changed since you last asked, for devices that keep a copy.",
    "account": "What is held of you: to see, to take along, to erase.",
    "health": "Whether the service lives, and can serve.",
    "docs": "This document, and a page on which to try it.",
}


def init_app(app: Flask) -> None:
    # Made at the first request for it: every route is known by then, and a start need not wait for it.
    app.extensions["openapi"] = cache(lambda: describe(app))


def describe(app: Flask) -> Object:
    """The document of all that `app` serves; to be called in a request, which the problems in it name."""
    spec = new_spec(title="Todo service", version=VERSION, info={"description": ABOUT})
    spec.components.security_scheme("bearer", BEARER)
    add_headers(spec)
    add_refusals(spec)
    for name, about in TAGS.items():
        spec.tag({"name": name, "description": about})
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            operation = Operation(rule, method, view).describe()
            spec.path(template(rule.rule), operations={method.lower(): operation})
    return spec.to_dict()


class Operation:
    """One method of one route, described by what the decorators left on its view."""

    def __init__(self, rule: Rule, method: str, view: View) -> None:
        self.rule, self.view = rule, view
        self.takes: Takes | None = getattr(view, "takes", None)
        self.returns: Returns = getattr(view, "returns", Returns())
        self.is_signed_in = hasattr(view, "signed_in")
        self.is_done_once = hasattr(view, "writes")
        self.is_conditional_read = self.returns.etag and method == "GET"

    def describe(self) -> Object:
        summary, _, description = " ".join((self.view.__doc__ or "").split()).partition(". ")
        members = {
            "operationId": self.view.__name__,
            "tags": [self.rule.endpoint.partition(".")[0]],
            "summary": summary.removesuffix("."),
            "description": description,
            "parameters": list(self.parameters()),
            "requestBody": self.request_body(),
            "responses": dict(self.responses()),
        }
        # None at all is said by an empty list; without a word one would have to guess.
        security: list[Object] = [{"bearer": []}] if self.is_signed_in else []
        return {"security": security, **{name: value for name, value in members.items() if value}}

    def parameters(self) -> Iterator[Object]:
        for name in sorted(self.rule.arguments):
            yield {"name": name, "in": "path", **PATH_PARAMETERS.get(name, {"schema": {"type": "string"}})}
        if self.takes:
            yield {"in": "query", "schema": self.takes.query}
            yield from (HEADER_PARAMETERS[name] for name in self.takes.headers)
        if self.is_conditional_read:
            yield IF_CHANGED
        if self.is_done_once:
            yield IDEMPOTENCY_KEY

    def request_body(self) -> Object | None:
        if not self.takes or not self.takes.body:
            return None
        content = {"schema": self.takes.body, "example": example(self.takes.body)}
        return {
            "description": f"At most {self.takes.limit // 1024} KiB.",
            "required": not self.takes.body_optional,
            "content": dict.fromkeys(self.takes.media_types, content),
        }

    def responses(self) -> Iterator[tuple[int, Object | str]]:
        for status in sorted({self.returns.status} | ({201} if self.returns.located_at else set())):
            yield status, self.success(HTTPStatus(status))
        if self.is_conditional_read:
            described = headers("X-Request-Id", *self.rate_limit(), "ETag")
            yield 304, {"description": "It is still the same.", "headers": described}
        for status in sorted(self.refusals()):
            yield status, refusal_name(status)  # which apispec takes for a reference

    def success(self, status: HTTPStatus) -> Object:
        content: Object = {}
        if schema := self.returns.schema:  # first, as generated clients read what they find first
            content["application/json"] = {"schema": schema, "example": example(schema)}
        for media_type in self.returns.media_types:
            content[media_type] = WITHOUT_SCHEMA.get(media_type.partition("/")[0], {})
        answer = {"description": status.phrase, "headers": headers(*self.carried(status))}
        return {**answer, "content": content} if content else answer

    def carried(self, status: HTTPStatus) -> Iterator[str]:
        """The header fields of an answer of success."""
        yield from ("X-Request-Id", *self.rate_limit(), *self.returns.headers)
        if self.returns.etag:
            yield "ETag"
        if status == HTTPStatus.CREATED:
            yield "Location"
        if self.is_done_once:
            yield "Idempotency-Replayed"

    def rate_limit(self) -> tuple[str, ...]:
        return RATE_LIMIT if self.is_signed_in else ()

    def refusals(self) -> set[int]:
        """The statuses of the problems this operation may answer with, beside those that any may."""
        statuses = set(self.returns.refuses)
        if self.takes:
            statuses |= {400, 413, 415} if self.takes.body else {400}
        if self.is_signed_in:
            statuses |= {401, 429, 503}
        if self.is_done_once:
            statuses |= {409, 422}
        return statuses
