"""`@takes` and `@returns`: between them and the client everything is checked; between them, plain Python."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from flask import Response, request, url_for
from marshmallow import Schema, ValidationError

from todo_service.errors import CODES, Problem, invalid
from todo_service.etags import etag, is_listed
from todo_service.schemas import NoParameters
from todo_service.wire import BodyError, json_response, read_object

View = Callable[..., Any]

NO_PARAMETERS = NoParameters()


@dataclass(frozen=True)
class Takes:
    body: Schema | None
    query: Schema
    body_optional: bool


@dataclass(frozen=True)
class Returns:
    schema: Schema | None
    status: int


def takes(
    body: Schema | None = None, *, query: Schema = NO_PARAMETERS, body_optional: bool = False
) -> Callable[[View], View]:
    """Check body and query; hand the view the body as `fields` and each parameter by its name.

    Without a `body` schema whatever body was sent is left alone. With `body_optional`, `fields` is None
    when there is none. Any query parameter that `query` does not know is refused.

    Raises:
        Problem: 400, 413 or 415.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(**values: Any) -> Any:
            values.update(load_query(query))
            if body:
                values["fields"] = load_body(body, body_optional)
            return view(**values)

        checked.takes = Takes(body, query, body_optional)  # type: ignore[attr-defined]  # read by the docs
        return checked

    return decorate


def load_query(schema: Schema) -> dict[str, Any]:
    """The query's parameters; an empty one counts as absent (contract §1)."""
    given = {name: [v for v in values if v] for name, values in request.args.lists()}
    errors = {name: ["Given more than once."] for name, values in given.items() if len(values) > 1}
    single = {name: values[0] for name, values in given.items() if len(values) == 1}
    try:
        loaded = schema.load(single)
    except ValidationError as error:
        errors |= cast(dict[str, Any], error.messages)
    if errors:
        raise invalid(errors)
    return cast(dict[str, Any], loaded)


def load_body(schema: Schema, optional: bool) -> Any:
    try:
        data = read_object()
    except BodyError as error:
        errors = {error.member or "body": [str(error)]}
        if error.status == 400:
            raise invalid(errors) from None
        raise Problem(error.status, CODES[error.status], str(error)) from None
    if data is None and not optional:
        raise invalid({"body": ["A JSON object is required."]})
    try:
        return None if data is None else schema.load(data)
    except ValidationError as error:
        raise invalid(cast(dict[str, Any], error.messages)) from None


def returns(
    schema: Schema | None = None, status: int = 200, *, located_at: str | None = None
) -> Callable[[View], View]:
    """Answer with what the view returned.

    Tasks carry their ETag; a GET whose `If-None-Match` names it is answered 304. Without a schema the
    answer is empty. What was made is `located_at` the endpoint of that name.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def answered(**values: Any) -> Response:
            result = view(**values)
            if schema is None:
                return empty(status)
            revision = getattr(result, "revision", None)
            if revision is None:
                return json_response(schema.dump(result), status)
            if request.method in ("GET", "HEAD") and is_known(revision):
                return tagged(empty(304), revision)
            response = tagged(json_response(schema.dump(result), status), revision)
            if located_at:
                response.location = url_for(located_at, id=result.id)
            return response

        answered.returns = Returns(schema, status)  # type: ignore[attr-defined]  # read by the docs
        return answered

    return decorate


def is_known(revision: int) -> bool:
    return is_listed(revision, request.headers.get("If-None-Match", ""))


def tagged(response: Response, revision: int) -> Response:
    response.headers["ETag"] = etag(revision)
    return response


def empty(status: int) -> Response:
    response = Response(status=status)
    del response.headers["Content-Type"]
    return response
