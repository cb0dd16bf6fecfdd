"""What counts as a plain request, and that gunicorn's parser would have understood it alike."""

from io import BytesIO
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import create
from hypothesis import example, given, settings
from hypothesis import strategies as st

from todo_service.connection import usual
from todo_service.plain_request import plain

PEER, HERE = ("192.0.2.1", 4321), ("127.0.0.1", 8000)
GET = b"GET /api/tasks?status=pending HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /api/tasks HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"

PLAIN = [
    b"GET / HTTP/1.1\r\n\r\n",
    GET + b"Authorization: Bearer a.b.c\r\n\r\n",
    GET + b"\r\n" + GET + b"\r\n",
    GET + b"Connection: Keep-Alive\r\nX-Empty:\r\nX-Spaces:\t two words \t\r\nX-Latin: \xe4\r\n\r\n",
    GET + b"X-Forwarded-For: ::1, 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n\r\n",
    b"OPTIONS //a//%2e%2E/%C3%A4%00%zz;x=1?a=b&c=%26?d HTTP/1.1\r\nOrigin: null\r\n\r\n",
    POST + b"Content-Length: 2\r\n\r\n{}",
    POST + b"content-length: 002\r\n\r\n{}" + GET + b"\r\n",
    POST + b"Content-Length: 0\r\n\r\nnext",
]
NOT_PLAIN = [
    b"",
    b"\r\n\r\n",
    b"\r\n" + GET + b"\r\n",
    GET.replace(b"1.1", b"1.0") + b"\r\n",
    GET.replace(b"/api", b"http://a/api") + b"\r\n",
    GET.replace(b"status", b"#status") + b"\r\n",
    GET.replace(b"GET", b"BREW") + b"\r\n",
    GET.replace(b"GET /", b"GET  /") + b"\r\n",
    GET + b"Host: b\r\n\r\n",
    GET + b"Accept: a\r\naccept: b\r\n\r\n",
    GET + b"X_Forwarded_For: ::1\r\n\r\n",
    GET + b"X-Folded: a\r\n b\r\n\r\n",
    GET + b"X-Space : a\r\n\r\n",
    GET + b"X-Control: \x0b\r\n\r\n",
    GET + b"Connection: close\r\n\r\n",
    GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    GET + b"X: " + b"x" * 8192 + b"\r\n\r\n",
    GET + b"".join(b"X-%d: x\r\n" % number for number in range(100)) + b"\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    POST + b"Content-Length: 3\r\n\r\n{}",
    POST + b"Content-Length: 65537\r\n\r\n" + b" " * 65537,
    POST + b"Content-Length:\r\n\r\n",
    POST + b"Content-Length: +2\r\n\r\n{}",
    POST + b"Content-Length: \xb2\r\n\r\n{}",
    POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
]
FRAGMENTS = [
    *(b"\r\n", b"\n", b"\r", b" ", b"\t", b",", b":", b"/", b"?", b"#", b"%41", b"_", b"0", b"1", b"\x7f"),
    *(b"\x00", b"\xb2", b"Host: b\r\n", b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(
        b"Connection: ",
        b"close",
        b"X-Forwarded-Proto: http\r\n",
        b"\r\n\r\n",
        b"X-Y: z\r\n",
        b"Script-Name: /a\r\n",
    ),
]
MUTATIONS = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 3), st.sampled_from(FRAGMENTS)), max_size=4)


def known(raw: bytes) -> Any:
    """The request, if it is plain, as its environ and what is behind it."""
    return plain(bytearray(raw), usual(PEER, HERE, has_siblings=False) or {})


@pytest.mark.parametrize("raw", PLAIN)
def test_what_clients_usually_send_is_plain(raw: bytes) -> None:
    assert known(raw)


@pytest.mark.parametrize("raw", NOT_PLAIN)
def test_what_is_odd_in_any_way_is_not(raw: bytes) -> None:
    assert known(raw) is None


def test_where_the_paths_have_a_prefix_only_the_parser_takes_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPT_NAME", "/todo")
    assert usual(PEER, HERE, has_siblings=False) is None


@settings(deadline=None)  # it tells about the machine only
@given(st.sampled_from(PLAIN + NOT_PLAIN[3:]), MUTATIONS)
@example(PLAIN[2], [])
@example(PLAIN[4], [])
@example(PLAIN[5], [])
@example(PLAIN[7], [])
def test_gunicorns_parser_understands_a_plain_request_alike(
    raw: bytes, mutations: list[tuple[int, int, bytes]]
) -> None:
    for where, removed, inserted in mutations:
        raw = raw[:where] + inserted + raw[where + removed :]
    request = known(raw)
    if not request:
        return
    environ, rest = parsed(raw)
    own = {"wsgi.input", "wsgi.errors", "wsgi.multithread", "SERVER_SOFTWARE"}
    assert {name: value for name, value in request.environ.items() if name not in own} == {
        name: environ[name] for name in request.environ if name not in own
    }
    assert {name for name in environ if name.startswith(("HTTP_", "CONTENT_"))} <= set(request.environ)
    assert (request.environ["wsgi.input"].read(), request.rest) == (environ["wsgi.input"].read(), rest)


def parsed(raw: bytes) -> tuple[dict[str, Any], bytes]:
    """What gunicorn makes of a request; it must neither refuse it nor miss anything."""
    config = Config()
    config.set("forwarded_allow_ips", "")
    config.set("forwarder_headers", "")
    parser: Any = RequestParser(config, iter([raw]), PEER)
    request = next(parser)
    body = request.body.read()
    assert not request.should_close()
    no_socket: Any = None
    _, environ = create(request, no_socket, PEER, HERE, config)
    return {**environ, "wsgi.input": BytesIO(body)}, bytes(parser.unreader.take_buffered())
