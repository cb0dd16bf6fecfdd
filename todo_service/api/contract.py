"""Request and response contracts: `@takes` validates, `@returns` serializes; between them is plain Python."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from functools import lru_cache, wraps
from http import HTTPStatus
from typing import Any, cast

from flask import Response, g, request, url_for
from marshmallow import Schema, ValidationError

from todo_service.api.etags import etag, etag_matches
from todo_service.api.fields import CommaSeparated
from todo_service.api.json_body import MAX_BODY, read_object
from todo_service.api.json_response import json_response
from todo_service.api.problems import invalid
from todo_service.api.schemas import NoParameters

View = Callable[..., Any]

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"  # RFC 7396

NO_PARAMETERS = NoParameters()


@dataclass(frozen=True)
class Takes:
    """A decorator: check body and query; hand the view the body as `data` and each parameter by its name.

    Args:
        body: the body's schema. Without one, whatever body was sent is left alone.
        query: the parameters' schema; one that it does not know is refused.
        body_optional: whether `data` may be None, because there is no body.
        limit: how many bytes a body may have.
        media_types: the body's, for the OpenAPI document.
        headers: those that the view heeds, for the OpenAPI document.

    Raises:
        Problem: 400, 413 or 415.
    """

    body: Schema | None = None
    _: KW_ONLY
    query: Schema = NO_PARAMETERS
    body_optional: bool = False
    limit: int = MAX_BODY
    media_types: tuple[str, ...] = (JSON,)
    headers: tuple[str, ...] = ()

    def __call__(self, view: View) -> View:
        @wraps(view)
        def checked(**values: Any) -> Any:
            g.body = b""  # for `@writes`, even where none is read
            values |= load_query(self.query, request.query_string)
            if self.body:
                values["data"] = self.load_body(self.body)
            return view(**values)

        vars(checked)["takes"] = self
        return checked

    def load_body(self, schema: Schema) -> Any:
        data = read_object(self.limit)
        if data is None and not self.body_optional:
            missing = cast(dict[str, Any], schema.validate({}))
            raise invalid({"body": ["A JSON object is required."], **missing})
        try:
            return None if data is None else schema.load(data)
        except ValidationError as error:
            raise invalid(cast(dict[str, Any], error.messages)) from None


@lru_cache(256)
def load_query(schema: Schema, _query: bytes) -> dict[str, Any]:
    """The parameters of the current request's query; an empty one counts as absent, and only one that takes a
    list may be repeated (contract §1).

    Remembered, since pages ask the same again and again, and a check costs what a small answer costs.
    """
    given = {name: said for name, values in request.args.lists() if (said := [v for v in values if v])}
    repeated = {name for name, said in given.items() if len(said) > 1}
    lists = {name for name, field in schema.fields.items() if isinstance(field, CommaSeparated)}
    errors: dict[str, Any] = {}
    try:
        loaded = cast(dict[str, Any], schema.load({name: ",".join(said) for name, said in given.items()}))
    except ValidationError as error:
        errors = cast(dict[str, Any], error.messages)
    errors |= {name: ["Given more than once."] for name in repeated - lists}
    if errors:
        raise invalid(errors)
    return loaded


@dataclass(frozen=True)
class Result:
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


def raise_if_not_modified(version: int | str) -> None:
    """End a read early if its `If-None-Match` names this version.

    Raises:
        NotModified: it does; `@returns` answers 304.
    """
    if request.method in ("GET", "HEAD") and etag_matches(version, request.headers.get("If-None-Match", "")):
        raise NotModified(version)


@dataclass(frozen=True)
class Returns:
    """A decorator: answer with what the view returned, a value or a Result with more.

    Args:
        schema: dumps the value; without one the answer is empty.
        status: the usual one.
        etag: whether the answer carries one, of the Result's version or the value's revision. A GET whose
            `If-None-Match` names it is answered 304.
        located_at: the endpoint at which to find what was made, if the status is 201.
        headers: further ones that the answer may have, for the OpenAPI document.
        refuses: the statuses with which the view refuses, for the OpenAPI document.
        media_types: what `@serves` answers with instead of JSON, for the OpenAPI document.
    """

    schema: Schema | None = None
    status: int = 200
    _: KW_ONLY
    etag: bool = False
    located_at: str | None = None
    headers: tuple[str, ...] = ()
    refuses: tuple[int, ...] = ()
    media_types: tuple[str, ...] = ()

    def __call__(self, view: View) -> View:
        @wraps(view)
        def answered(**values: Any) -> Response:
            try:
                result = view(**values)
                return self.respond(result if isinstance(result, Result) else Result(result))
            except NotModified as known:
                return with_etag(empty_response(304), known.version)

        vars(answered)["returns"] = self
        return answered

    def respond(self, result: Result) -> Response:
        version = result.value.revision if self.etag and result.version is None else result.version
        if version is not None:
            raise_if_not_modified(version)
        status = result.status or self.status
        response = (
            json_response(self.schema.dump(result.value), status) if self.schema else empty_response(status)
        )
        response.headers.extend(result.headers)
        if self.located_at and status == HTTPStatus.CREATED:
            response.headers["Location"] = url_for(self.located_at, id=result.value.id)
        return response if version is None else with_etag(response, version)


takes = Takes
returns = Returns


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


def with_etag(response: Response, version: int | str) -> Response:
    response.headers["ETag"] = etag(version)
    return response


def empty_response(status: int) -> Response:
    response = Response(status=status)
    del response.headers["Content-Type"]
    return response
