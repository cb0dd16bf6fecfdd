"""How a plain request is answered: WSGI's start_response, and what becomes of the body (RFC 9112 §6)."""

from collections.abc import Callable
from functools import lru_cache
from time import time
from typing import Any
from wsgiref.handlers import format_date_time

from todo_service.buffered_socket import BufferedSocket


class Answer:
    """An answer on its way: with a length, or in chunks if nobody knows how long it is going to be.

    Attributes:
        head: status and fields, until they are sent.
        is_begun: whether any of it has been.
        missing: bytes of the body that are still to be written; None if that is open.
    """

    def __init__(self, sock: BufferedSocket, method: str, closes: bool) -> None:
        self.sock, self.method, self.closes = sock, method, closes
        self.head = b""
        self.is_begun = False
        self.missing: int | None = None

    def start(self, status: str, fields: list[tuple[str, str]], error: Any = None) -> Callable[[bytes], None]:
        """Begin, as WSGI's `start_response`.

        Raises:
            ValueError: a field holds a line break, which would make it two.
        """
        if error:
            raise error[1]
        has_body = self.method != "HEAD" and status[:3] not in ("204", "304")
        length = dict(fields).get("Content-Length")
        self.missing = (int(length) if length else None) if has_body else 0
        lines = [
            f"HTTP/1.1 {status}\r\nServer: gunicorn",
            f"Date: {date(int(time()))}",
            f"Connection: {'close' if self.closes else 'keep-alive'}",
            *(f"{name}: {value}" for name, value in fields),
            "Transfer-Encoding: chunked\r\n\r\n" if self.missing is None else "\r\n",
        ]
        head = "\r\n".join(lines)
        if not head.count("\n") == head.count("\r") == len(fields) + (6 if self.missing is None else 5):
            raise ValueError("a field holds a line break")
        self.head = head.encode("latin-1")
        return self.write

    def write(self, part: bytes) -> None:
        """Send the next part of the body; the first one goes with the head.

        Raises:
            BrokenPipeError: the client is gone, or too slow.
        """
        if self.missing is None:
            part = b"%x\r\n%b\r\n" % (len(part), part) if part else b""  # an empty one would be the last
        else:
            self.missing -= len(part)
        head, self.head, self.is_begun = self.head, b"", True
        self.sock.sendall(head + part)

    def end(self) -> None:
        """Say that this was all."""
        if self.head:
            self.write(b"")
        if self.missing is None:
            self.sock.sendall(b"0\r\n\r\n")
        elif self.missing:
            raise ValueError("the body is not as long as it was said to be")


@lru_cache(2)
def date(second: int) -> str:
    return format_date_time(second)
