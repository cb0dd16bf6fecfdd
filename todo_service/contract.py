"""`@takes` and `@returns`: between them and the client everything is checked; between them, plain Python."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache, wraps
from http import HTTPStatus
from typing import Any, cast

from flask import Response, request, url_for
from marshmallow import Schema, ValidationError

from todo_service.errors import CODES, Problem, invalid
from todo_service.etags import etag, is_listed
from todo_service.schemas import NoParameters
from todo_service.wire import MAX_BODY, BodyError, json_response, read_object

View = Callable[..., Any]

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"  # RFC 7396

NO_PARAMETERS = NoParameters()
LONGEST_RECALLED = 200  # bytes


@dataclass(frozen=True)
class Takes:
    """What `@takes` was told, for the OpenAPI document."""

    body: Schema | None
    query: Schema
    body_optional: bool
    limit: int
    media_types: tuple[str, ...]
    headers: tuple[str, ...]


@dataclass(frozen=True)
class Returns:
    """What `@returns` or `@serves` was told, for the OpenAPI document."""

    schema: Schema | None = None
    status: int = 200
    media_types: tuple[str, ...] = ()
    etag: bool = False
    may_create: bool = False
    headers: tuple[str, ...] = ()
    refuses: tuple[int, ...] = ()


def takes(
    body: Schema | None = None,
    *,
    query: Schema = NO_PARAMETERS,
    body_optional: bool = False,
    limit: int = MAX_BODY,
    media_types: tuple[str, ...] = (JSON,),
    headers: tuple[str, ...] = (),
) -> Callable[[View], View]:
    """Check body and query; hand the view the body as `fields` and each parameter by its name.

    Without a `body` schema whatever body was sent is left alone. With `body_optional`, `fields` is None
    when there is none; a body may have `limit` bytes. A query parameter that `query` does not know is
    refused. For the OpenAPI document only: the body's `media_types`, and the `headers` that the view heeds.

    Raises:
        Problem: 400, 413 or 415.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(**values: Any) -> Any:
            values.update(load_query(query))
            if body:
                values["fields"] = load_body(body, body_optional, limit)
            return view(**values)

        vars(checked)["takes"] = Takes(body, query, body_optional, limit, media_types, headers)
        return checked

    return decorate


def load_query(schema: Schema) -> dict[str, Any]:
    """The query's parameters; an empty one counts as absent (contract §1)."""
    query = request.query_string
    return recalled(schema, query) if len(query) <= LONGEST_RECALLED else parse_query(schema)


@lru_cache(1000)
def recalled(schema: Schema, _query: bytes) -> dict[str, Any]:
    """The parameters of the current request's query, or of an equal one. Pages ask the same again and again,
    most often nothing, and to check it takes longer than to answer."""
    return parse_query(schema)


def parse_query(schema: Schema) -> dict[str, Any]:
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


def load_body(schema: Schema, optional: bool, limit: int) -> Any:
    try:
        data = read_object(limit)
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


@dataclass(frozen=True)
class Answer:
    """What a view returns that has more to say than a value.

    Args:
        value: what the schema dumps.
        version: what the ETag names, for lists; a task brings its revision.
        status: another one than usual.
        headers: further header fields.
    """

    value: Any
    version: int | str | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


class NotModified(Exception):
    """The client knows this version already."""

    def __init__(self, version: int | str) -> None:
        super().__init__(version)
        self.version = version


def unless_known(version: int | str) -> None:
    """End a read early if its `If-None-Match` names this version.

    Raises:
        NotModified: it does; `@returns` answers 304.
    """
    if request.method in ("GET", "HEAD") and is_listed(version, request.headers.get("If-None-Match", "")):
        raise NotModified(version)


def returns(
    schema: Schema | None = None,
    status: int = 200,
    *,
    etag: bool = False,
    located_at: str | None = None,
    headers: tuple[str, ...] = (),
    refuses: tuple[int, ...] = (),
) -> Callable[[View], View]:
    """Answer with what the view returned: a value, or an Answer with more.

    Without a schema the answer is empty. With `etag` it carries one, of the Answer's version or the value's
    revision, and a GET whose `If-None-Match` names it is answered 304. What was made is `located_at` the
    endpoint of that name. For the OpenAPI document only: the further `headers` that the answer may have, and
    the statuses with which the view `refuses`.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def answered(**values: Any) -> Response:
            try:
                result = view(**values)
                answer = result if isinstance(result, Answer) else Answer(result)
                version = answer.value.revision if etag and answer.version is None else answer.version
                if version is not None:
                    unless_known(version)
            except NotModified as known:
                return tagged(empty(304), known.version)
            code = answer.status or status
            response = json_response(schema.dump(answer.value), code) if schema else empty(code)
            if answer.headers:
                response.headers.extend(answer.headers)
            if located_at and code == HTTPStatus.CREATED:
                response.headers["Location"] = place(located_at) + answer.value.id
            return response if version is None else tagged(response, version)

        vars(answered)["returns"] = Returns(
            schema, status, etag=etag, may_create=bool(located_at), headers=headers, refuses=refuses
        )
        return answered

    return decorate


@cache
def place(endpoint: str) -> str:
    """Where things that have an id are: what stands before that."""
    return url_for(endpoint, id="-").removesuffix("-")


def serves(
    *media_types: str, json: Schema | None = None, refuses: tuple[int, ...] = ()
) -> Callable[[View], View]:
    """Tell the OpenAPI document what a view answers with that does without `@returns`.

    It may be `json` of this schema, or of these media types; it `refuses` with these statuses.
    """

    def decorate(view: View) -> View:
        vars(view)["returns"] = Returns(json, media_types=media_types, refuses=refuses)
        return view

    return decorate


def tagged(response: Response, version: int | str) -> Response:
    response.headers["ETag"] = etag(version)
    return response


def empty(status: int) -> Response:
    response = Response(status=status)
    del response.headers["Content-Type"]
    return response
