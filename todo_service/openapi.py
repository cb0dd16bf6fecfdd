"""The OpenAPI document, made of the routes, their docstrings and the schemas they validate with."""

import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from todo_service.config import VERSION
from todo_service.contract import BODY_CODES, Returns, Takes
from todo_service.errors import Problem, invalid, unavailable
from todo_service.openapi_schemas import JSON, OPENAPI, Schemas
from todo_service.schemas import ProblemSchema
from todo_service.wire import MAX_BODY, too_large

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

EXAMPLE_ID = "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"

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

# The header fields of answers: what each says, and what it looks like.
HEADERS: dict[str, tuple[str, str | int]] = {
    "ETag": ("The task's revision, in quotes.", '"42"'),
    "Location": ("Where the new task is.", f"/api/tasks/{EXAMPLE_ID}"),
    "Retry-After": ("Seconds to wait before trying again.", 12),
    "WWW-Authenticate": ("What is wrong with the token (RFC 6750).", 'Bearer error="invalid_token"'),
    "X-RateLimit-Limit": ("Requests that a user has in one window.", 600),
    "X-RateLimit-Remaining": ("Requests left in this window.", 599),
    "X-RateLimit-Reset": ("When the next window begins, in seconds since 1970.", 1795237260),
    "X-Request-Id": ("The id the request came with, or a new one.", "0d9f4c1e"),
}
RATE_LIMIT = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")

# The refusals: when each happens, and one of them.
REFUSALS: dict[int, tuple[str, Problem]] = {
    400: (
        "The body, one of its members or a query parameter is not valid.",
        invalid({"title": ["Missing data for required field."]}),
    ),
    401: (
        "The token is missing, not valid or expired.",
        Problem(401, "missing_token", "Missing authentication token", headers={"WWW-Authenticate": "Bearer"}),
    ),
    403: (
        "The task is somebody else's.",
        Problem(403, "forbidden", "Not authorized to access this task"),
    ),
    404: (
        "There is no such thing.",
        Problem(404, "not_found", "Task not found"),
    ),
    413: (
        "The body is too large.",
        Problem(413, BODY_CODES[413], str(too_large(MAX_BODY))),
    ),
    415: (
        "The body is not declared as JSON.",
        Problem(415, BODY_CODES[415], "The body must be sent as Content-Type: application/json."),
    ),
    429: (
        "More requests than the user has in one window.",
        Problem(
            429, "rate_limited", "Too many requests; please wait a moment.", headers={"Retry-After": "12"}
        ),
    ),
    503: (
        "The database, or the key set of the sign-in server, does not answer.",
        unavailable("The database is not available at the moment."),
    ),
}
UNCOUNTED = (401, 503)  # may be answered before the rate limit is looked at
DEPENDENT = ("/api/", "/health/ready")  # paths under which a 503 is possible


def serves(*media_types: str) -> Callable[[View], View]:
    """Tell the document what a view answers with that does without `@returns`."""

    def decorate(view: View) -> View:
        view.serves = media_types  # type: ignore[attr-defined]  # read below
        return view

    return decorate


def describe(app: Flask) -> JSON:
    """The document of everything that `app` serves. Needs a request, as every problem names one."""
    sent, answered = Schemas.sent(), Schemas.answered()
    paths: dict[str, JSON] = {}
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            described = operation(rule, view, sent, answered)
            paths.setdefault(template(rule), {})[method.lower()] = described
    refusals = {name_of(status): refusal(status, answered) for status in REFUSALS}
    return {
        "openapi": OPENAPI,
        "info": {"title": "Todo service", "version": VERSION, "description": ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in app.blueprints],
        "paths": paths,
        "components": {
            "schemas": {**answered.components, **sent.components},
            "responses": refusals,
            "headers": {name: header(*described) for name, described in HEADERS.items()},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def operation(rule: Rule, view: View, sent: Schemas, answered: Schemas) -> JSON:
    takes: Takes | None = getattr(view, "takes", None)
    summary, _, rest = " ".join((view.__doc__ or "").split()).partition(". ")
    described: JSON = {
        "operationId": view.__name__,
        "tags": [rule.endpoint.partition(".")[0]],
        "summary": summary.removesuffix("."),
        "description": rest,
        "parameters": list(parameters(rule, view, sent)),
        "responses": dict(responses(rule, view, answered)),
    }
    if takes and takes.body:
        content = {"application/json": sent.content(takes.body)}
        described["requestBody"] = {"required": not takes.body_optional, "content": content}
    if is_api(rule):
        described["security"] = [{"bearer": []}]
    return described


def parameters(rule: Rule, view: View, sent: Schemas) -> Iterator[JSON]:
    for name in sorted(rule.arguments):
        usual = {"schema": {"type": "string"}}
        yield {"name": name, "in": "path", "required": True, **PATH_PARAMETERS.get(name, usual)}
    if hasattr(view, "takes"):
        yield from sent.query(view.takes.query)
    if is_conditional(rule, view):
        yield IF_NONE_MATCH


def responses(rule: Rule, view: View, answered: Schemas) -> Iterator[tuple[str, JSON]]:
    returns: Returns = getattr(view, "returns", Returns(None, 200))
    names = ["X-Request-Id"]
    names += RATE_LIMIT if is_api(rule) else ()
    names += ["ETag"] if is_task(returns) else []
    names += ["Location"] if returns.status == HTTPStatus.CREATED else []
    success = {"description": HTTPStatus(returns.status).phrase, "headers": headers(names)}
    if returns.schema:
        success["content"] = {"application/json": answered.content(returns.schema)}
    elif hasattr(view, "serves"):
        success["content"] = {media_type: {} for media_type in view.serves}
    yield str(returns.status), success
    if is_conditional(rule, view):
        yield "304", {"description": "The task is as you know it.", "headers": headers(names)}
    for status in refused(rule, view):
        yield str(status), {"$ref": f"#/components/responses/{name_of(status)}"}


def refused(rule: Rule, view: View) -> list[int]:
    """The statuses with which this route may refuse what others would not."""
    takes: Takes | None = getattr(view, "takes", None)
    possible = {
        400: takes,
        401: is_api(rule),
        403: "id" in rule.arguments,
        404: rule.arguments,
        413: takes and takes.body,
        415: takes and takes.body,
        429: is_api(rule),
        503: rule.rule.startswith(DEPENDENT),
    }
    return [status for status, is_possible in possible.items() if is_possible]


def refusal(status: int, answered: Schemas) -> JSON:
    when, problem = REFUSALS[status]
    answer = problem.response()
    example = {**answer.get_json(), "request_id": HEADERS["X-Request-Id"][1]}
    content = {**answered.content(ProblemSchema()), "example": example}
    names = ["X-Request-Id", *problem.headers, *(() if status in UNCOUNTED else RATE_LIMIT)]
    return {"description": when, "headers": headers(names), "content": {answer.mimetype: content}}


def headers(names: list[str]) -> JSON:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def header(description: str, example: str | int) -> JSON:
    kind = "integer" if isinstance(example, int) else "string"
    return {"description": description, "schema": {"type": kind}, "example": example}


def template(rule: Rule) -> str:
    """`/api/tasks/<id>` as OpenAPI writes it: `/api/tasks/{id}`."""
    return re.sub(r"<(?:[^<>]*:)?([^<>]*)>", r"{\1}", rule.rule)


def name_of(status: int) -> str:
    """`NotFound` for 404."""
    return HTTPStatus(status).phrase.title().replace(" ", "")


def is_api(rule: Rule) -> bool:
    return rule.rule.startswith("/api/")


def is_task(returns: Returns) -> bool:
    return returns.schema is not None and not returns.schema.many and "revision" in returns.schema.fields


def is_conditional(rule: Rule, view: View) -> bool:
    return "GET" in (rule.methods or ()) and hasattr(view, "returns") and is_task(view.returns)
