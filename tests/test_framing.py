"""When a request counts as complete, and that gunicorn's parser then needs nothing more."""

from random import Random
from socket import socketpair
from threading import Semaphore
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.parser import RequestParser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from todo_service.buffered_socket import BufferedSocket
from todo_service.framing import BARE_LF, MAX_HEAD, HeadTooLarge, until_complete

MAX_BODY = 20
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
ASKING = POST + b"Expect: 100-continue\r\n"

# Each is complete at the bar and not before; what follows is the next request, or too much.
COMPLETE_AT_THE_BAR = [
    b"GET / HTTP/1.1\r\n\r\n|",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n|GET /next HTTP/1.1\r\n\r\n",
    b"\r\nGET / HTTP/1.1\r\n\r\n|",
    POST + b"Content-Length: 0\r\n\r\n|x",
    POST + b"Content-Length: 3\r\n\r\nabc|d",
    POST + b"content-LENGTH:\t 003 \r\n\r\nabc|d",
    POST + b"X: Content-Length: 3\r\n\r\n|",
    POST + b"Content-Length: 20\r\n\r\n" + b"x" * 20 + b"|",
    POST + b"Content-Length: 9000000\r\n\r\n" + b"x" * 21 + b"|x",
    CHUNKED + b"0\r\n\r\n|GET",
    CHUNKED + b"3\r\nabc\r\n0\r\n\r\n|GET",
    CHUNKED + b"000000000000000000003\r\nabc\r\n0\r\n\r\n|",
    CHUNKED + b"3;a=b\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\n|",
    CHUNKED + b'3\r\n\r\n0\r\n0 ;x="y"\r\nOne: 1\r\nTwo: 2\r\n\r\n|GET',
    POST + b"transfer-encoding: gzip, Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n|",
    POST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n|",
    CHUNKED + b"A\r\n0123456789\r\n3fffffff\r\n" + b"x" * 11 + b"|x",
    CHUNKED + b"1\r\nx\r\n" * 7 + b"|1\r\nx",  # more framing than content
    # refused by the parser, so there is nothing to wait for
    b"\r\n\r\n|",
    b"GET / HTTP/1.1\n|Host: a\n\n",
    POST + b"Content-Length: +3\r\n\r\n|abc",
    POST + b"Content-Length: 3, 3\r\n\r\n|abc",
    POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n|abc",
    POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n|0\r\n\r\n",
    POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n|x",
    POST + b"Transfer-Encoding: gzip\r\n\r\n|x",
    CHUNKED + b"zz\r\n|",
    CHUNKED + b"\r\n|",
    CHUNKED + b"-1\r\n|",
    CHUNKED + b"1\n|",
    CHUNKED + b"1\r\nxy\r|\n",
]


def steps(pieces: list[bytes], max_body: int = MAX_BODY) -> tuple[int | None, list[bool]]:
    """How many bytes had come when the request was complete (None: it is not), and what was yielded."""
    received = bytearray()
    request = until_complete(received, max_body)
    yielded = []
    for piece in pieces:
        received += piece
        try:
            yielded.append(next(request))
        except StopIteration:
            return len(received), yielded
    return None, yielded


def one_by_one(raw: bytes) -> list[bytes]:
    return [raw[n : n + 1] for n in range(len(raw))]


@pytest.mark.parametrize("marked", COMPLETE_AT_THE_BAR)
def test_a_request_is_complete_with_its_last_byte_and_not_before(marked: bytes) -> None:
    before, _, after = marked.partition(b"|")
    assert steps(one_by_one(before + after))[0] == len(before)
    assert steps([before + after])[0] == len(before + after)
    for at in range(1, len(before)):
        assert steps([before[:at], before[at:]])[0] == len(before), at


def test_a_head_may_have_64_kib() -> None:
    head = b"GET / HTTP/1.1\r\nX: %s\r\n\r\n"
    fits = head % (b"x" * (MAX_HEAD - len(head) + 2))
    assert steps([fits])[0] == MAX_HEAD
    for pieces in ([b"x" + fits], [fits[:-4], b"xxxx"], [b"x" * MAX_HEAD], [fits[:-1], b"x", b"\n"]):
        with pytest.raises(HeadTooLarge):
            steps(pieces)


@pytest.mark.parametrize(
    ("head", "asks"),
    [
        (ASKING + b"Content-Length: 3\r\n\r\n", True),
        (ASKING + b"Transfer-Encoding: chunked\r\n\r\n", True),
        (POST + b"expect: 100-Continue \r\nContent-Length: 3\r\n\r\n", True),
        (ASKING + b"Content-Length: 3\r\n\r\na", False),  # it did not wait
        (ASKING.replace(b"1.1", b"1.0") + b"Content-Length: 3\r\n\r\n", False),
        (POST + b"Expect: 200-ok\r\nContent-Length: 3\r\n\r\n", False),
        (POST + b"X-Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", False),
    ],
)
def test_a_client_who_waits_to_be_asked_for_the_body_is_asked_once(head: bytes, asks: bool) -> None:
    assert steps([head[:10], head[10:], b"a", b"b"])[1][:3] == [False, asks, False]


@pytest.mark.parametrize("length", [b"0", b"21", b"9999999999999999999", b"x"])
def test_nobody_is_asked_for_a_body_that_nobody_takes(length: bytes) -> None:
    head = ASKING + b"Content-Length: " + length + b"\r\n\r\n"
    assert steps([head]) == (len(head), [])


FRAGMENTS = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b",",
        b";",
        b":",
        b"0",
        b"1",
        b"5",
        b"a",
        b"\xb2",
        b"\x00",
        b"x" * 9,
    ),
    *(b"0\r\n\r\n", b"1\r\nx\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"identity", b"gzip", b"chunked", b"GET / HTTP/1.1\r\n\r\n", b"Expect: 100-continue\r\n"),
]
MUTATIONS = st.lists(
    st.tuples(st.integers(0, 120), st.integers(0, 3), st.sampled_from(FRAGMENTS)), min_size=0, max_size=4
)


@settings(deadline=None)  # it tells about the machine only
@given(st.sampled_from(COMPLETE_AT_THE_BAR), MUTATIONS, st.randoms(use_true_random=False))
@example(POST + b"Transfer-Encoding: identity, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", [], Random(0))
def test_of_a_complete_request_the_parser_wants_nothing_more(
    marked: bytes, mutations: list[tuple[int, int, bytes]], random: Random
) -> None:
    raw = marked.replace(b"|", b"")
    for where, removed, inserted in mutations:
        raw = raw[:where] + inserted + raw[where + removed :]
    at = steps(one_by_one(raw))[0]
    if at is None or BARE_LF.search(raw):  # the parser refuses that in any place
        return
    cut = sorted(random.choices(range(len(raw) + 1), k=3))
    pieces = [raw[a:b] for a, b in zip([0, *cut], [*cut, len(raw)], strict=True) if a < b]
    in_pieces, _ = steps(pieces)
    assert in_pieces is not None
    assert in_pieces >= at
    client, server = socketpair()
    with client, server:
        buffered: Any = BufferedSocket(server, Semaphore())
        buffered.inbox.write(raw[:at])
        buffered.inbox.seek(0)
        try:
            request: Any = next(RequestParser(Config(), buffered, ("127.0.0.1", 1)))
            announced = getattr(request.body.reader, "length", 0)
            size = len(request.body.reader.read(MAX_BODY + 1))
        except ParseException:
            return  # refused
        except NoMoreData:
            announced = size = 0
    sent = at - raw.index(b"\r\n\r\n") - 4
    too_large = max(announced, size, sent - MAX_BODY) > MAX_BODY
    assert too_large or not buffered.exhausted
