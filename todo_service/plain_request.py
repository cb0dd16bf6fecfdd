"""Plain requests, read at a glance: for what nearly all clients send, a parser of all of HTTP takes too long.

One expression tells whether a request is plain: in HTTP/1.1, for a path, with fields that each stand once, in
a line of their own, and that ask nothing of the connection but to be kept. Whatever is not plain is left to
gunicorn's parser, which is strict, and knows what to refuse and how; nothing is refused here. A test shows
that both understand a plain request alike.
"""

import re
from functools import lru_cache
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

MAX_PLAIN_HEAD = 8 * 1024  # bytes: within all limits of the parser's but that of the number of fields
MAX_FIELDS = 100
MAX_PLAIN_BODY = 64 * 1024  # bytes; a longer one that nobody reads costs the connection

HEAD = re.compile(
    r"(?P<method>GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) "
    r"(?P<target>(?P<path>/[!\"$->@-~]*)(?:\?(?P<query>[!\"$-~]*))?) HTTP/1\.1\r\n"
    r"(?P<fields>(?:[A-Za-z0-9-]+:[\t -~\x80-\xff]*\r\n)*)\r\n"
)
FIELD = re.compile(r"([^:]+):[\t ]*([^\r]*)\r\n")
LENGTH = re.compile("[0-9]{1,6}")
OF_THE_CONNECTION = {"HTTP_TRANSFER_ENCODING", "HTTP_EXPECT", "HTTP_UPGRADE"}

Environ = dict[str, Any]


class Plain(NamedTuple):
    """A plain request: what WSGI tells of it, and what was received behind it."""

    environ: Environ
    rest: bytes


def plain(received: bytearray, usual: Environ) -> Plain | None:
    """Read a request that is complete, if it is plain.

    Args:
        usual: what the environ says of all requests on the connection.
    """
    end = received.find(b"\r\n\r\n", 0, MAX_PLAIN_HEAD) + 4
    head = HEAD.fullmatch(received[:end].decode("latin-1"))
    if not head:
        return None
    fields = FIELD.findall(head["fields"])
    named = {variable(name): value.rstrip("\t ") for name, value in fields}
    if not len(named) == len(fields) <= MAX_FIELDS or not OF_THE_CONNECTION.isdisjoint(named):
        return None
    if named.get("HTTP_CONNECTION", "keep-alive").lower() != "keep-alive":
        return None
    end_of_body = end
    length = named.get("CONTENT_LENGTH")
    if length is not None:
        if not LENGTH.fullmatch(length) or int(length) > min(MAX_PLAIN_BODY, len(received) - end):
            return None
        end_of_body += int(length)
    environ = {
        **usual,
        **named,
        "REQUEST_METHOD": head["method"],
        "RAW_URI": head["target"],
        "PATH_INFO": unquote_to_bytes(head["path"]).decode("latin-1"),
        "QUERY_STRING": head["query"] or "",
        "wsgi.input": BytesIO(received[end:end_of_body]),
    }
    return Plain(environ, bytes(received[end_of_body:]))


@lru_cache(1000)
def variable(field: str) -> str:
    """What WSGI calls a header field."""
    name = field.upper().replace("-", "_")
    return name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
