"""JSON bodies, read strictly: RFC 8259 as narrowed by I-JSON (RFC 7493)."""

import json
import re
from contextlib import suppress
from typing import Any, NoReturn

from flask import Flask, Response, g, request

from todo_service.api.fields import UNSTORABLE
from todo_service.api.problems import CODES, Problem, invalid

MAX_BODY = 256 * 1024  # bytes, contract §1
MAX_DRAINED = 8 * 1024 * 1024  # bytes of a refused body that are read before the answer
CHUNK = 64 * 1024  # bytes
MAX_DEPTH = 32  # levels of objects and arrays
MAX_MEMBERS = 100  # of one object
MAX_NAME = 100  # characters of a member's name

JSON_TYPE = re.compile(r"application/json|[\w.-]+/[\w.-]+\+json")


def malformed(message: str, name: str = "body") -> Problem:
    return invalid({name: [message]})


def too_large(limit: int) -> Problem:
    return Problem(413, CODES[413], f"The body is larger than {limit // 1024} KiB.")


def unsupported(detail: str = "The body must be sent as Content-Type: application/json.") -> Problem:
    return Problem(415, CODES[415], detail)


def read_object(limit: int = MAX_BODY) -> dict[str, Any] | None:
    """The JSON object in the request's body, or None if there is no body; its bytes stay in `g.body`.

    Raises:
        Problem: 413, longer than `limit` bytes; 415, not declared as JSON; 400, as `parse_object`.
    """
    g.body = body = read_body(limit)
    if not body:
        return None
    if not JSON_TYPE.fullmatch(request.mimetype):
        raise unsupported()
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise unsupported("The body must be sent without a Content-Encoding.")
    return parse_object(body)


def read_body(limit: int) -> bytes:
    """The body, read by our own count: Werkzeug's limit cuts a chunked body short without a word."""
    announced = request.content_length or 0
    body = b""
    if announced <= limit:
        body = read_chunk(limit + 1)
        while len(body) != announced and (chunk := read_chunk(limit + 1 - len(body))):
            body += chunk
    if max(announced, len(body)) > limit:
        raise too_large(limit)
    if len(body) < announced:
        raise malformed("The body could not be read to its end.")
    return body


def read_chunk(size: int) -> bytes:
    try:
        return request.stream.read(size)
    except Exception:  # noqa: BLE001  # each HTTP server has its own errors for broken chunks and hang-ups
        raise malformed("The body could not be read to its end.") from None


def init_app(app: Flask) -> None:
    app.after_request(drain)


def drain(response: Response) -> Response:
    """Read what is left of the body, up to MAX_DRAINED, so that the client gets its answer.

    A server that closes on a client which still sends resets the connection, and the client loses the answer
    to a refusal (RFC 9112 §9.6). Beyond the limit that is what happens.
    """
    if request.content_length or "Transfer-Encoding" in request.headers:
        with suppress(Problem):  # the client is gone, or what it sends is no body
            for _ in range(MAX_DRAINED // CHUNK):
                if not read_chunk(CHUNK):
                    break
    return response


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a JSON object; refuse what parsers disagree on instead of picking a meaning.

    Raises:
        Problem: 400, malformed, not UTF-8, not an object, too deep, a duplicate name, NaN or Infinity,
            a NUL or a lone surrogate.
    """
    try:
        value = JSON.decode(body.decode())
    except UnicodeDecodeError:
        raise malformed("The body is not valid UTF-8.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise malformed(f"The body is not valid JSON at {where}.") from None
    except ValueError:  # an integer of thousands of digits
        raise malformed("The body holds a number that is too long.") from None
    except RecursionError:
        raise too_deep() from None
    if not isinstance(value, dict):
        raise malformed("The body must be a JSON object.")
    if is_deeper(value, MAX_DEPTH):
        raise too_deep()
    return value


def unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """One object's members; none has nearly as many as is allowed, so more are not worth their errors."""
    if len(pairs) > MAX_MEMBERS:
        raise malformed(f"An object has more than {MAX_MEMBERS} members.")
    members: dict[str, Any] = {}
    for name, value in pairs:
        if len(name) > MAX_NAME:
            raise malformed(f"A member's name is longer than {MAX_NAME} characters.")
        if UNSTORABLE.search(name):
            raise malformed("A member's name holds NUL or half of a surrogate pair.")
        if name in members:
            raise malformed("Stands twice in the same object.", name)
        if isinstance(value, str) and UNSTORABLE.search(value):
            raise malformed("NUL and halves of surrogate pairs are not allowed.", name)
        members[name] = value
    return members


def refuse_constant(name: str) -> NoReturn:
    raise malformed(f"The body is not valid JSON: {name} is no JSON value.")


JSON = json.JSONDecoder(object_pairs_hook=unique_members, parse_constant=refuse_constant)


def is_deeper(value: Any, levels: int) -> bool:
    """Whether an object or array has more levels of objects and arrays, its own counted."""
    children = value.values() if isinstance(value, dict) else value
    nested = [child for child in children if isinstance(child, dict | list)]
    return bool(nested) and (levels == 1 or any(is_deeper(child, levels - 1) for child in nested))


def too_deep() -> Problem:
    return malformed(f"The body is nested deeper than {MAX_DEPTH} levels.")
