"""HTTP as it goes over the wire, byte by byte."""

import re

from tests.people import token_for

ADA = f"Authorization: Bearer {token_for('ada', exp=4_000_000_000)}\r\n"
JSON = "Content-Type: application/json\r\n"


def request(method: str, path: str, headers: str = "", sent: bytes = b"") -> bytes:
    """A request, which ends its connection."""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n".encode() + sent
    )


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def status(answer: bytes) -> int:
    match = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert match, answer
    return int(match[1])
