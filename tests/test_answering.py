"""How answers to plain requests look on the wire."""

from collections.abc import Iterator
from socket import socketpair
from threading import Semaphore

import pytest

from todo_service.answering import Answer
from todo_service.buffered_socket import BufferedSocket

JSON = ("Content-Type", "application/json")


@pytest.fixture
def sock() -> Iterator[BufferedSocket]:
    client, server = socketpair()
    with client, server:
        yield BufferedSocket(server, Semaphore())


def answered(
    sock: BufferedSocket, method: str, status: str, fields: list[tuple[str, str]], *parts: bytes
) -> tuple[list[str], bytes]:
    """The lines of the head but for the date, and what is behind it."""
    answer = Answer(sock, method, closes=False)
    write = answer.start(status, fields)
    for part in parts:
        write(part)
    answer.end()
    head, _, body = bytes(sock.outbox).partition(b"\r\n\r\n")
    return [line for line in head.decode().split("\r\n") if not line.startswith("Date: ")], body


USUAL = ["Server: gunicorn", "Connection: keep-alive", "Content-Type: application/json"]


def test_an_answer_whose_length_is_known_is_sent_as_it_is(sock: BufferedSocket) -> None:
    length = ("Content-Length", "4")
    head, body = answered(sock, "GET", "200 OK", [JSON, length], b"{", b"", b"}\r\n")
    assert head == ["HTTP/1.1 200 OK", *USUAL, "Content-Length: 4"]
    assert body == b"{}\r\n"


def test_one_whose_length_is_open_is_sent_in_chunks(sock: BufferedSocket) -> None:
    head, body = answered(sock, "GET", "200 OK", [JSON], b"{", b"", b" " * 26, b"}")
    assert head == ["HTTP/1.1 200 OK", *USUAL, "Transfer-Encoding: chunked"]
    assert body == b"1\r\n{\r\n1a\r\n" + b" " * 26 + b"\r\n1\r\n}\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "status", "fields"),
    [
        ("HEAD", "200 OK", [JSON, ("Content-Length", "4")]),
        ("GET", "304 NOT MODIFIED", [JSON]),
        ("DELETE", "204 NO CONTENT", [JSON]),
    ],
)
def test_one_that_has_no_body_ends_with_its_head(
    sock: BufferedSocket, method: str, status: str, fields: list[tuple[str, str]]
) -> None:
    lengths = [f"{name}: {value}" for name, value in fields[1:]]
    assert answered(sock, method, status, fields) == ([f"HTTP/1.1 {status}", *USUAL, *lengths], b"")


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\rb", "\n", "\r", "\n\r"])
def test_no_value_becomes_a_field_of_its_own(sock: BufferedSocket, value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        answered(sock, "GET", "200 OK", [JSON, ("X-Request-Id", value)], b"{}")
    assert not sock.outbox


@pytest.mark.parametrize("length", ["1", "3"])
def test_a_body_of_another_length_than_said_does_not_pass_for_whole(
    sock: BufferedSocket, length: str
) -> None:
    with pytest.raises(ValueError, match="as long"):
        answered(sock, "GET", "200 OK", [JSON, ("Content-Length", length)], b"{}")
