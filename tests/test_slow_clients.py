"""Clients who take their time, all of it or for ever, hold up nobody but themselves."""

import re
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import psutil
import pytest

from tests.people import SECRET, token_for
from tests.service import Service
from tests.test_server import ADA, JSON, chunked, request, status

PROMPTLY = 2  # seconds in which those who are not slow are answered

POST = f"POST /api/tasks HTTP/1.1\r\nHost: a\r\n{ADA}{JSON}"
BODY = b'{"title": "slow"}'
CREATE = f"{POST}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
HEALTH = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"

IMPATIENT = """
from todo_service import buffered_socket, worker
worker.REQUEST_SECONDS = worker.FLUSH_SECONDS = buffered_socket.STALL_SECONDS = keepalive = 1
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    database = tmp_path_factory.mktemp("slow") / "todo.db"
    return {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": f"sqlite:///{database}", "RATE_LIMIT": ""}


@pytest.fixture(scope="module")
def patient(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with its real deadlines."""
    with Service(settings, tmp_path_factory.mktemp("patient")) as service:
        yield service


@pytest.fixture(scope="module")
def impatient(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with deadlines of a second, one worker, and answers without end."""
    directory = tmp_path_factory.mktemp("impatient")
    alone = {**settings, "WEB_CONCURRENCY": "1"}
    with Service(alone, directory, app="tests.long_answers:app", changes=IMPATIENT) as service:
        yield service


def connect(service: Service, sent: bytes = b"", buffer: int | None = None) -> socket.socket:
    """A connection on which this has been sent; with a receive `buffer` of so many bytes."""
    connection = socket.socket()
    connection.settimeout(10)
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.connect(("127.0.0.1", service.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(sent)
    return connection


def answer(connection: socket.socket) -> bytes:
    """All that comes until the connection is closed."""
    received = b""
    while data := connection.recv(1 << 20):
        received += data
    return received


def one_answer(connection: socket.socket) -> bytes:
    """What comes up to the end of one answer that has a length."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1)
    match = re.search(rb"\r\nContent-Length: (\d+)", received)
    missing = int(match[1]) if match else 0
    while missing:
        data = connection.recv(missing)
        received, missing = received + data, missing - len(data)
    return received


@contextmanager
def dribbling(connections: Iterable[socket.socket], data: bytes) -> Iterator[None]:
    """Send `data` on each of these, a byte at a time, as long as the block lasts."""
    over = Event()

    def dribble() -> None:
        for byte in data:
            for connection in connections:
                connection.sendall(bytes([byte]))
            if over.wait(0.3):
                return
        raise AssertionError("all has been sent")

    with ThreadPoolExecutor(1) as thread:
        sending = thread.submit(dribble)
        try:
            yield
        finally:
            over.set()
    sending.result()


def assert_prompt(service: Service, path: str = "/api/tasks?limit=5", times: int = 10) -> None:
    """Everybody else is answered as if nothing were the matter."""
    with httpx.Client(base_url=service.url, timeout=PROMPTLY) as http:
        for _ in range(times):
            assert http.get("/health").status_code == 200
            token = {"Authorization": f"Bearer {token_for('bob')}"}
            assert http.get(path, headers=token).status_code == 200


def add_large_tasks(service: Service, user: str) -> None:
    """A list of 1000 tasks and 3 MB: more than a socket's buffers take."""
    operation = {"op": "create", "task": {"title": "large", "description": "€" * 1000}}
    for _ in range(10):
        added = service.call(user, "POST", "/api/tasks/batch", json={"operations": [operation] * 100})
        assert added.status_code == 200


# ---- nobody else waits


def test_five_hundred_slow_clients_hold_up_nobody(patient: Service) -> None:
    add_large_tasks(patient, "ada")
    padding = b"x" * 1000
    with ExitStack() as stack:

        def clients(number: int, sent: bytes, buffer: int | None = None) -> list[socket.socket]:
            return [stack.enter_context(connect(patient, sent, buffer)) for _ in range(number)]

        slow = clients(200, HEALTH[:-2] + b"X-Padding: ")
        slow += clients(100, f"{POST}Content-Length: 1000\r\n\r\n".encode())
        slow += clients(100, f"{POST}Transfer-Encoding: chunked\r\n\r\n3e8\r\n".encode())
        silent = clients(100, b"")
        readers = clients(50, request("GET", "/api/tasks", ADA), buffer=4096)
        with dribbling(slow, padding):
            for reader in readers:
                assert status(reader.recv(20) + b" ") == 200
            assert_prompt(patient)
        for one in silent:
            one.sendall(request("GET", "/health"))
            assert status(answer(one)) == 200
        whole = answer(readers[0])
        assert len(whole) > 3_000_000
        assert whole.endswith(b"}]")
    assert_prompt(patient)


def test_streams_that_nobody_reads_take_half_of_the_threads_at_most_and_little_memory(
    settings: dict[str, str], tmp_path: Path
) -> None:
    alone = {**settings, "WEB_CONCURRENCY": "1", "THREADS": "4"}
    with Service(alone, tmp_path, app="tests.long_answers:app") as service, ExitStack() as stack:
        (process,) = psutil.Process(service.process.pid).children()
        before = process.memory_info().rss
        readers = [
            stack.enter_context(connect(service, request("GET", "/long/100"), buffer=4096)) for _ in range(10)
        ]
        for reader in readers:
            assert status(reader.recv(20) + b" ") == 200
        assert_prompt(service)
        assert process.memory_info().rss - before < 100_000_000


# ---- deadlines


@pytest.mark.parametrize(
    "begun",
    [
        HEALTH[:-2],
        f"{POST}Content-Length: 10\r\n\r\n12345".encode(),
        f"{POST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n".encode(),
    ],
)
def test_a_request_that_does_not_end_is_408(impatient: Service, begun: bytes) -> None:
    with connect(impatient, begun) as connection:
        refused = answer(connection)
    assert status(refused) == 408
    assert b"\r\nConnection: close\r\n" in refused


def test_the_deadline_is_that_of_the_whole_request(impatient: Service) -> None:
    with connect(impatient) as connection:
        received = b""
        for n in range(100):
            connection.sendall(HEALTH[n % len(HEALTH) :][:1])
            connection.settimeout(0.1)
            try:
                received = connection.recv(1000)
                break
            except TimeoutError:
                continue
    assert status(received) == 408


def test_who_says_nothing_is_not_answered(impatient: Service) -> None:
    with connect(impatient) as new, connect(impatient, HEALTH) as kept:
        assert status(one_answer(kept)) == 200
        assert answer(new) == b""
        assert answer(kept) == b""


def test_an_answer_that_nobody_takes_is_dropped(impatient: Service) -> None:
    add_large_tasks(impatient, "carol")
    carol = f"Authorization: Bearer {token_for('carol')}\r\n"
    with connect(impatient, request("GET", "/api/tasks", carol), buffer=4096) as connection:
        impatient.wait_until(lambda: not connections(impatient))
        assert_cut(connection)


def test_who_takes_an_answer_slowly_gets_all_of_it(impatient: Service) -> None:
    with connect(impatient, request("GET", "/long/12"), buffer=65536) as connection:
        received = 0
        while data := connection.recv(200_000):
            received += len(data)
            time.sleep(0.02)
    assert received > 12 * 1024 * 1024


def test_while_every_thread_answers_somebody_still_sees_to_clients(impatient: Service) -> None:
    asks = f"{POST}Expect: 100-continue\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    with ThreadPoolExecutor(8) as threads:
        late = [threads.submit(impatient.http.get, "/late/2.0") for _ in range(8)]
        time.sleep(0.5)
        with connect(impatient, asks) as connection:
            assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert not any(answer.done() for answer in late)
            connection.sendall(BODY)
            assert status(one_answer(connection)) == 201
        assert all(answer.result().text == "late" for answer in late)


def test_a_view_that_exits_ends_its_request_and_no_thread(impatient: Service) -> None:
    for _ in range(20):  # more than there are threads
        with connect(impatient, request("GET", "/exit")) as connection, suppress(ConnectionResetError):
            assert answer(connection) == b""
    assert impatient.http.get("/health").status_code == 200


# ---- what is cut does not look complete


def assert_cut(connection: socket.socket) -> None:
    with pytest.raises(ConnectionResetError):
        answer(connection)


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_stream_that_nobody_reads_is_cut(impatient: Service, version: str) -> None:
    asked = f"GET /long/100 HTTP/{version}\r\nHost: a\r\n\r\n".encode()
    with connect(impatient, asked, buffer=4096) as connection:
        impatient.wait_until(lambda: not connections(impatient))
        assert_cut(connection)
    assert "Traceback" not in impatient.output


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_stream_that_fails_is_cut(settings: dict[str, str], tmp_path: Path, version: str) -> None:
    asked = f"GET /broken HTTP/{version}\r\nHost: a\r\n\r\n".encode()
    with (
        Service(settings, tmp_path, app="tests.long_answers:app") as service,
        connect(service, asked) as connection,
    ):
        assert_cut(connection)


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_what_fails_before_it_begins_is_500_and_ends_the_connection(impatient: Service, version: str) -> None:
    for _ in range(20):  # more than there are threads
        with connect(impatient, f"GET /failed HTTP/{version}\r\nHost: a\r\n\r\n".encode()) as connection:
            assert status(answer(connection)) == 500
    assert impatient.http.get("/health").status_code == 200


# ---- room for newcomers


def connections(service: Service) -> int:
    """How many clients the workers are connected to."""
    workers = psutil.Process(service.process.pid).children()
    return sum(
        connection.status != "LISTEN" and connection.laddr.port == service.port
        for worker in workers
        for connection in worker.net_connections("tcp")
    )


def test_a_newcomer_takes_the_place_of_who_has_waited_longest(
    settings: dict[str, str], tmp_path: Path
) -> None:
    alone = {**settings, "WEB_CONCURRENCY": "1"}
    few = "worker_connections = 20"
    with Service(alone, tmp_path, app="tests.long_answers:app", changes=few) as service, ExitStack() as stack:
        answered = stack.enter_context(connect(service, request("GET", "/late/1.5")))
        time.sleep(0.1)
        waiting = [stack.enter_context(connect(service, HEALTH[: n % 2])) for n in range(60)]
        assert answer(waiting[0]) == b""
        assert answer(waiting[39]) == b""
        assert_prompt(service)
        waiting[-1].sendall(HEALTH[59 % 2 :])
        assert status(one_answer(waiting[-1])) == 200
        assert status(answer(answered)) == 200


def test_there_are_never_more_connections_than_allowed(settings: dict[str, str], tmp_path: Path) -> None:
    """Not even if those who have to go send something at that very moment."""
    alone = {**settings, "WEB_CONCURRENCY": "1"}
    with Service(alone, tmp_path, changes="worker_connections = 20") as service, ExitStack() as stack:
        (process,) = psutil.Process(service.process.pid).children()
        waiting = [stack.enter_context(connect(service)) for _ in range(30)]
        for _ in range(15):
            process.suspend()
            waiting.append(stack.enter_context(connect(service)))
            for one in waiting:
                with suppress(OSError):
                    one.sendall(b"G")
            process.resume()
            time.sleep(0.1)
        waiting += [stack.enter_context(connect(service)) for _ in range(40)]
        service.wait_until(lambda: connections(service) < 20)
        assert_prompt(service)


def test_bodies_and_answers_in_waiting_have_a_limit_in_all(settings: dict[str, str], tmp_path: Path) -> None:
    alone = {**settings, "WEB_CONCURRENCY": "1"}
    little = "\nfrom todo_service import worker\nworker.MAX_HELD = 1024 * 1024"
    head = f"{POST}Content-Length: 201000\r\n\r\n".encode()
    with Service(alone, tmp_path, changes=little) as service, ExitStack() as stack:
        idle = stack.enter_context(connect(service))
        waiting = [stack.enter_context(connect(service, head)) for _ in range(8)]
        for one in waiting:
            one.sendall(b" " * 200_000)
            time.sleep(0.1)
        ended = [one for one in waiting if is_ended(one)]
        assert waiting[0] in ended
        assert 3 <= len(ended) <= 4  # of 200 kB each there is room for five
        waiting[-1].sendall(b" " * 981 + b'{"title": "in time"}'[:19])  # for which there is room, too
        assert status(one_answer(waiting[-1])) == 400
        idle.sendall(HEALTH)
        assert status(one_answer(idle)) == 200


def is_ended(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    finally:
        connection.settimeout(10)


# ---- in pieces, and several at once


def without_what_changes(raw: bytes) -> bytes:
    return re.sub(
        rb'Date: [^\r]*|"(id|(created|updated)_at)":"[^"]*"|"revision":\d+|W?/?"\d+"|[0-9a-f-]{32,36}',
        b"",
        raw,
    )


SAME_ID = "X-Request-Id: same\r\n"
REFUSED = b'{"title": "", "x": 1}'  # whose answer names both members, and writes nothing
REAL_REQUESTS = {
    "get": request("GET", "/health", SAME_ID),
    "list": request("GET", "/api/tasks?q=nothing&count=true", ADA + SAME_ID),
    "post": request("POST", "/api/tasks", f"{ADA}{JSON}{SAME_ID}Content-Length: {len(REFUSED)}\r\n", REFUSED),
    "post in chunks": request(
        "POST",
        "/api/tasks",
        f"{ADA}{JSON}{SAME_ID}Transfer-Encoding: chunked\r\n",
        chunked(REFUSED[:5], REFUSED[5:]),
    ),
    "trailers": request(
        "POST",
        "/api/tasks",
        f"{ADA}{JSON}{SAME_ID}Transfer-Encoding: chunked\r\n",
        b"15;a=b\r\n" + REFUSED + b"\r\n0\r\nX-One: 1\r\nX-Two: 2\r\n\r\n",
    ),
    "pipelined": HEALTH
    + request("PATCH", "/api/tasks/x", f"{ADA}{JSON}Content-Length: 2\r\n{SAME_ID}", b"{}"),
    "malformed": b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    "bad chunk": request(
        "POST", "/api/tasks", f"{ADA}{JSON}{SAME_ID}Transfer-Encoding: chunked\r\n", b"zz\r\n\r\n"
    ),
}


@pytest.mark.parametrize("name", REAL_REQUESTS)
def test_a_request_is_answered_the_same_wherever_it_is_split(patient: Service, name: str) -> None:
    raw = REAL_REQUESTS[name]
    expected = without_what_changes(patient.send(raw))
    assert expected
    with ExitStack() as stack:
        places = range(1, len(raw))
        split = [stack.enter_context(connect(patient, raw[:at])) for at in places]
        time.sleep(0.2)  # so that the first parts are received by themselves
        for at, one in zip(places, split, strict=True):
            one.sendall(raw[at:])
        for at, one in zip(places, split, strict=True):
            assert without_what_changes(answer(one)) == expected, at
        single = stack.enter_context(connect(patient))
        for n in range(len(raw)):
            single.sendall(raw[n : n + 1])
        assert without_what_changes(answer(single)) == expected


def test_pipelined_requests_are_answered_in_their_order(patient: Service) -> None:
    paths = [f"/nowhere/{n}" for n in range(50)]
    asked = [f"GET {path} HTTP/1.1\r\nHost: a\r\nX-Request-Id: {n}\r\n\r\n" for n, path in enumerate(paths)]
    with connect(patient, "".join(asked).encode()[:-1]) as connection:
        for n in range(49):
            assert f"\r\nX-Request-Id: {n}\r\n".encode() in one_answer(connection)
        connection.sendall(b"\n")
        assert b"\r\nX-Request-Id: 49\r\n" in one_answer(connection)


def test_what_follows_a_refused_body_is_no_request(patient: Service) -> None:
    smuggled = request("DELETE", "/api/tasks?status=completed", ADA)
    for framing in ("Content-Length: 3, 3", "Content-Length: 2000000", "Transfer-Encoding: gzip"):
        raw = f"{POST}{framing}\r\n\r\n".encode() + smuggled
        with connect(patient, raw + b" " * 1_200_000) as connection:
            assert answer(connection).count(b"HTTP/1.1") == 1


def test_what_comes_late_of_a_body_is_no_request_either(settings: dict[str, str], tmp_path: Path) -> None:
    """The worker sees to that without the help of a hook."""
    head = (
        f"POST /read HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {2**20 + 2**11}\r\n\r\n"
    )
    app, changes = "tests.long_answers:app", "\ndel pre_request"
    with (
        Service(settings, tmp_path, app=app, changes=changes) as service,
        connect(service, head.encode()) as connection,
    ):
        assert status(one_answer(connection)) == 200
        connection.sendall(b" " * 2**10 + HEALTH)
        assert answer(connection) == b""


def test_a_chunked_batch_of_just_over_1_mib_is_413(patient: Service) -> None:
    headers = f"{ADA}{JSON}Transfer-Encoding: chunked\r\n"
    for size in (1024 * 1024 + 1, 1024 * 1024 + 5000):
        raw = request("POST", "/api/tasks/batch", headers, chunked(b" " * 500_000, b" " * (size - 500_000)))
        assert status(patient.send(raw)) == 413
    endless = request("POST", "/api/tasks/batch", headers, b"ffffff\r\n" + b" " * (1024 * 1024 + 1))
    with connect(patient, endless) as connection:
        time.sleep(0.3)  # for all of it to be received by itself
        connection.sendall(b" " * 1024)
        assert status(one_answer(connection)) == 413


def test_a_head_over_64_kib_is_431(patient: Service) -> None:
    for padding in (b"X: y\r\n" * 20_000, b"x" * 70_000):
        refused = patient.send(HEALTH[:-2] + padding + b"\r\n\r\n")
        assert status(refused) == 431
        assert b"\r\nConnection: close\r\n" in refused


def test_a_client_who_asks_is_told_once_to_go_on(patient: Service) -> None:
    head, body = CREATE[: -len(BODY)], CREATE[-len(BODY) :]
    asking = head[:-2] + b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
    with connect(patient, asking) as connection:
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        created = answer(connection)
    assert status(created) == 201
    assert b"100 Continue" not in created
    assert status(patient.send(asking + body)) == 201
    assert status(patient.send(asking.replace(b"1.1", b"1.0") + body).replace(b"1.0", b"1.1")) == 201
    too_large = asking.replace(b"Content-Length: ", b"Content-Length: 1000000")
    assert status(patient.send(too_large)) == 413
    assert status(patient.send(asking.replace(b"100-continue", b"tea") + body)) == 417


# ---- a stop


def stops(service: Service) -> None:
    service.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)


def test_a_stop_loses_no_request_and_no_answer(settings: dict[str, str], tmp_path: Path) -> None:
    with Service(settings, tmp_path) as service:
        add_large_tasks(service, "dave")
        dave = f"Authorization: Bearer {token_for('dave')}\r\n"
        with (
            connect(service, CREATE[:-5]) as half_a_body,
            connect(service, HEALTH[:-5]) as half_a_head,
            connect(service, HEALTH) as kept,
            connect(service, request("GET", "/api/tasks", dave), buffer=4096) as reader,
        ):
            one_answer(kept)
            assert status(reader.recv(20) + b" ") == 200
            stops(service)
            kept.sendall(HEALTH)
            half_a_body.sendall(CREATE[-5:])
            half_a_head.sendall(HEALTH[-5:])
            for one, expected in ((half_a_body, 201), (half_a_head, 200), (kept, 200)):
                answered = answer(one)
                assert status(answered) == expected
                assert b"\r\nConnection: close\r\n" in answered
            assert answer(reader).endswith(b"}]")
        assert service.process.wait(10) == 0
        assert "Traceback" not in service.output


def test_a_stop_does_not_wait_for_who_says_nothing(settings: dict[str, str], tmp_path: Path) -> None:
    with Service(settings, tmp_path) as service, connect(service) as new, connect(service, HEALTH) as kept:
        one_answer(kept)
        service.wait_until(lambda: connections(service) >= 2)  # the kernel's queue is nobody's to end
        stops(service)
        assert answer(new) == b""
        assert answer(kept) == b""
        assert service.process.wait(10) == 0


def test_a_reload_loses_nothing(settings: dict[str, str], tmp_path: Path) -> None:
    with Service(settings, tmp_path) as service, connect(service, CREATE[:-5]) as half_a_body:
        service.process.send_signal(signal.SIGHUP)
        for _ in range(200):
            assert service.http.get("/health").status_code == 200
        half_a_body.sendall(CREATE[-5:])
        assert status(answer(half_a_body)) == 201
        assert "Traceback" not in service.output


def test_workers_that_have_served_enough_lose_nothing(settings: dict[str, str], tmp_path: Path) -> None:
    with Service(settings, tmp_path, changes="max_requests = 20") as service:
        for _ in range(100):
            assert service.http.get("/health").status_code == 200
        assert service.output.count("Autorestarting worker") >= 4
        assert "Traceback" not in service.output


# ---- and the rest


def test_clients_who_leave_at_any_moment_leave_nothing_behind(impatient: Service) -> None:
    leaving: list[Callable[[socket.socket], Any]] = [
        socket.socket.close,
        lambda one: one.shutdown(socket.SHUT_WR),
        lambda one: one.shutdown(socket.SHUT_RDWR),
        lambda one: one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"),
    ]
    asked = [b"", CREATE[:20], CREATE[:-5], CREATE, HEALTH * 3, request("GET", "/long/20"), b"\r\n\r\n"]
    for sent in asked:
        for leave in leaving:
            with connect(impatient, sent) as connection:
                leave(connection)
    impatient.wait_until(lambda: not connections(impatient))
    assert "Traceback" not in impatient.output


@pytest.mark.parametrize("family", ["AF_INET6", "AF_UNIX"])
def test_other_families_of_sockets_are_served_alike(
    settings: dict[str, str], tmp_path: Path, family: str
) -> None:
    with Service(
        settings, tmp_path, changes=f"\nbind = [bind, '[::1]:0', 'unix:{tmp_path}/socket']"
    ) as service:
        if family == "AF_UNIX":
            address: Any = f"{tmp_path}/socket"
        else:
            found = re.search(r"http://\[?::1\]?:(\d+)", service.output)
            assert found, service.output
            address = ("::1", int(found[1]))
        with socket.socket(getattr(socket, family)) as connection:
            connection.settimeout(10)
            connection.connect(address)
            for n in range(len(CREATE)):
                connection.sendall(CREATE[n : n + 1])
            assert status(one_answer(connection)) == 201
            connection.sendall(HEALTH)
            assert status(one_answer(connection)) == 200


def test_it_does_not_start_with_what_is_for_a_proxy_in_front(
    settings: dict[str, str], tmp_path: Path
) -> None:
    for changes in ("keyfile = certfile = 'README.md'", "proxy_protocol = 'auto'"):
        service = Service(settings, tmp_path, changes=f"\n{changes}\n")
        with pytest.raises(AssertionError, match="cannot start: TLS, HTTP/2"), service:
            pass
