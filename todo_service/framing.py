"""When a request that arrives in pieces is complete (RFC 9112 §6 and §7.1).

Only that. Whether it is also well-formed the HTTP server's parser decides, which is strict: what is odd
counts as complete here, so that the parser sees and refuses it at once.
"""

import re
from collections.abc import Generator

MAX_HEAD = 64 * 1024  # bytes, of the request line and all fields; also of a chunk's size line and of trailers

FRAMING_FIELD = re.compile(rb"\r\n(content-length|transfer-encoding|expect):([^\r\n]*)", re.IGNORECASE)
HTTP_1_1 = re.compile(rb"(?:\r\n)?[^\r\n]* HTTP/1\.1\r\n")
CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]+)[ \t]*(?:;.*)?")
BARE_LF = re.compile(rb"(?<!\r)\n")

Waiting = Generator[bool, None, None]


class HeadTooLarge(Exception):
    """There are `MAX_HEAD` bytes without the blank line that ends a head."""


def until_complete(received: bytearray, max_body: int) -> Waiting:
    """Follow a request while `received` grows; end when a parser can read it without waiting for the client.

    Each step goes on where the one before stopped. A body of more than `max_body` bytes, which nobody
    takes, counts as complete when one byte more than that is there.

    Yields:
        while more is needed: whether the client waits for `100 Continue` before it sends that.

    Raises:
        HeadTooLarge: the head is longer than `MAX_HEAD`.
    """
    end = yield from find(received, b"\r\n\r\n", 0)
    if end < 0:
        if len(received) >= MAX_HEAD:
            raise HeadTooLarge
        return
    body = end + 4
    found = FRAMING_FIELD.findall(received, 0, body)
    if not found:
        return  # and no body, as usual
    fields = [(name.lower(), value.strip(b" \t").lower()) for name, value in found]
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    if len(lengths) > 1 or (lengths and codings):
        return  # two opinions about where it ends
    length = int(lengths[0]) if lengths and lengths[0].isdigit() and len(lengths[0]) < 20 else 0
    chunked = bool(codings) and codings[-1].endswith(b"chunked")
    asks = (b"expect", b"100-continue") in fields and HTTP_1_1.match(received)
    if asks and len(received) == body and (chunked or length):
        if length > max_body:
            return  # it need not be sent to be refused
        yield True
    if chunked:
        yield from chunks(received, body, max_body)
    else:
        yield from reach(received, body + min(length, max_body + 1))


def chunks(received: bytearray, start: int, max_body: int) -> Waiting:
    """Follow the chunks that begin at `start`, and the trailers behind them.

    What frames the content may take as much room as that is allowed: a body chopped finer is cut there.
    """
    position, room = start, max_body + 1
    while position - start <= 2 * max_body:
        end = yield from find(received, b"\r\n", position)
        match = CHUNK_SIZE.fullmatch(received, position, end) if end >= 0 else None
        if not match:
            return
        size = int(match[1], 16)
        if not size:
            yield from find(received, b"\r\n\r\n", end)
            return
        position = end + 2 + size
        room -= size
        if room <= 0:
            yield from reach(received, position + room)
            return
        yield from reach(received, position + 2)
        if received[position : position + 2] != b"\r\n":
            return
        position += 2


def reach(received: bytearray, length: int) -> Waiting:
    while len(received) < length:
        yield False


def find(received: bytearray, what: bytes, start: int) -> Generator[bool, None, int]:
    """Where `what`, the end of a line or of several, stands from `start` on; -1 if it is not going to."""
    searched = start
    while (found := received.find(what, searched, start + MAX_HEAD)) < 0:
        if len(received) - start >= MAX_HEAD or BARE_LF.search(received, searched):
            return -1
        searched = max(start, len(received) - len(what) + 1)
        yield False
    return found
