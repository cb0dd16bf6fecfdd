"""JSON on the wire: strict on the way in (RFC 8259 as narrowed by I-JSON, RFC 7493), plain on the way out."""

import json
import re
from contextlib import suppress
from typing import Any

import orjson
from flask import Flask, Response, g, request

MAX_BODY = 256 * 1024  # bytes, contract §1
MAX_UNREAD = 8 * 1024 * 1024  # bytes of a refused body that are read before the answer
PIECE = 64 * 1024  # bytes
MAX_DEPTH = 32  # levels of objects and arrays
MAX_MEMBERS = 100  # of one object
MAX_NAME = 100  # characters of a member's name

JSON_TYPE = re.compile(r"application/json|[\w.-]+/[\w.-]+\+json")

# Characters that JSON can spell and databases or UTF-8 cannot hold.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class BodyError(ValueError):
    """The body is not what it should be; the message is a sentence for the client.

    `status` is 400, 413 or 415; `member` names the object member at fault, if one is.
    """

    def __init__(self, message: str, status: int = 400, member: str | None = None) -> None:
        super().__init__(message)
        self.status, self.member = status, member


def read_object(limit: int = MAX_BODY) -> dict[str, Any] | None:
    """The JSON object in the request's body, or None if there is no body; its bytes stay in `g.body`.

    Raises:
        BodyError: the body is longer than `limit` bytes, not declared as JSON, or not an object.
    """
    g.body = body = read_body(limit)
    if not body:
        return None
    if not JSON_TYPE.fullmatch(request.mimetype):
        raise BodyError("The body must be sent as Content-Type: application/json.", 415)
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BodyError("The body must be sent without a Content-Encoding.", 415)
    return parse_object(body)


def read_body(limit: int) -> bytes:
    """The body, read by our own count: Werkzeug's limit cuts a chunked body short without a word."""
    announced = request.content_length or 0
    if announced > limit:
        raise too_large(limit)
    body = receive(limit + 1)
    while len(body) != announced and (chunk := receive(limit + 1 - len(body))):
        body += chunk
    if len(body) > limit:
        raise too_large(limit)
    if len(body) < announced:
        raise cut_short()
    return body


def receive(size: int) -> bytes:
    try:
        return request.stream.read(size)
    except Exception:  # noqa: BLE001  # each HTTP server has its own errors for broken chunks and hang-ups
        raise cut_short() from None


def init_app(app: Flask) -> None:
    app.after_request(drain)


def drain(response: Response) -> Response:
    """Read what is left of the body, up to MAX_UNREAD, so that the client gets its answer.

    A server that closes on a client which still sends resets the connection, and the client loses the answer
    to a refusal (RFC 9112 §9.6). Beyond the limit that is what happens.
    """
    if request.content_length or "Transfer-Encoding" in request.headers:
        with suppress(BodyError):  # the client is gone, or what it sends is no body
            for _ in range(MAX_UNREAD // PIECE):
                if not receive(PIECE):
                    break
    return response


def cut_short() -> BodyError:
    return BodyError("The body could not be read to its end.")


def too_large(limit: int) -> BodyError:
    return BodyError(f"The body is larger than {limit // 1024} KiB.", 413)


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a JSON object; refuse what parsers disagree on instead of picking a meaning.

    Raises:
        BodyError: malformed, not UTF-8, not an object, too deep, a duplicate name, NaN or Infinity,
            a NUL or a lone surrogate.
    """
    try:
        value = JSON.decode(body.decode())
    except BodyError:
        raise
    except UnicodeDecodeError:
        raise BodyError("The body is not valid UTF-8.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BodyError(f"The body is not valid JSON at {where}.") from None
    except ValueError:  # an integer of thousands of digits
        raise BodyError("The body holds a number that is too long.") from None
    except RecursionError:
        raise too_deep() from None
    if not isinstance(value, dict):
        raise BodyError("The body must be a JSON object.")
    check_depth(value)
    return value


def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """One object's members; none has nearly as many as is allowed, so more are not worth their errors."""
    if len(pairs) > MAX_MEMBERS:
        raise BodyError(f"An object has more than {MAX_MEMBERS} members.")
    found: dict[str, Any] = {}
    for name, value in pairs:
        if len(name) > MAX_NAME:
            raise BodyError(f"A member's name is longer than {MAX_NAME} characters.")
        if UNSTORABLE.search(name):
            raise BodyError("A member's name holds NUL or half of a surrogate pair.")
        if name in found:
            raise BodyError("Stands twice in the same object.", member=name)
        if isinstance(value, str) and UNSTORABLE.search(value):
            raise BodyError("NUL and halves of surrogate pairs are not allowed.", member=name)
        found[name] = value
    return found


def no_constant(name: str) -> None:
    raise BodyError(f"The body is not valid JSON: {name} is no JSON value.")


JSON = json.JSONDecoder(object_pairs_hook=members, parse_constant=no_constant)


def check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise too_deep()


def too_deep() -> BodyError:
    return BodyError(f"The body is nested deeper than {MAX_DEPTH} levels.")


def json_response(value: Any, status: int = 200, content_type: str = "application/json") -> Response:
    return Response(json_bytes(value), status, content_type=content_type)


def json_bytes(value: Any) -> bytes:
    """The value as JSON. Moments have no zone, and mean UTC."""
    return orjson.dumps(value, option=orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z)
