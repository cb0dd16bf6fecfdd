"""Behind nginx, as docs/nginx.conf sets it up: slow clients cost nothing, and a restart goes unnoticed."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from e2e.nginx import Nginx
from e2e.socket_activation import Activated
from tests.load import clients, meanwhile, wait_for_answers
from tests.people import SECRET, token_for
from tests.raw import JSON, request
from tests.service import Service

SLOW = 300  # connections at once
PROMPT = 5  # seconds in which others are served meanwhile; usually it takes hundredths of one
PAUSE = 0.2  # seconds between two bytes of a slow client
MIB = 1024 * 1024
EVE = f"Authorization: Bearer {token_for('eve', exp=4_000_000_000)}\r\n"


def settings_for(database: Path, **more: str) -> dict[str, str]:
    return {
        "BETTER_AUTH_SECRET": SECRET,
        "DATABASE_URL": f"sqlite:///{database}",
        "RATE_LIMIT": "100000/hour",
        "TRUSTED_PROXIES": "1",
        **more,
    }


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of one process, which has fewer threads than there are slow clients."""
    directory = tmp_path_factory.mktemp("nginx")
    with Service(settings_for(directory / "todo.db", WEB_CONCURRENCY="1"), directory) as running:
        running.wait_until(lambda: running.http.get("/health/ready").status_code == 200)
        yield running


@pytest.fixture(scope="module")
def nginx(service: Service) -> Iterator[Nginx]:
    with Nginx(service.port) as running:
        yield running


@contextmanager
def calling(nginx: Nginx, user: str = "ada", address: str = "127.0.0.1") -> Iterator[httpx.Client]:
    """A client of nginx's that has no patience, at one of this machine's addresses."""
    headers = {"Authorization": f"Bearer {token_for(user) if user else 'x.y.z'}"}
    transport = httpx.HTTPTransport(local_address=address)
    with httpx.Client(base_url=nginx.url, headers=headers, timeout=PROMPT, transport=transport) as http:
        yield http


# ---- slow clients


def connections(nginx: Nginx, stack: ExitStack, beginning: bytes) -> list[socket.socket]:
    """Connections on which this much of a request has been sent, and which hardly take in anything."""
    made = []
    for _ in range(SLOW):
        connection = stack.enter_context(socket.socket())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", nginx.port))
        connection.sendall(beginning)
        made.append(connection)
    return made


def dribble(slow: list[socket.socket]) -> Callable[[], None]:
    """One more byte on each connection, and a rest."""

    def send() -> None:
        for connection in slow:
            connection.sendall(b"x")
        time.sleep(PAUSE)

    return send


def assert_others_are_served(nginx: Nginx) -> None:
    with calling(nginx) as http:
        for _ in range(20):
            task = http.post("/api/tasks", json={"title": "prompt"})
            assert task.status_code == 201
            assert http.get("/api/tasks?limit=1").json() == [task.json()]


@pytest.mark.parametrize(
    "beginning",
    [
        b"GET /api/tasks HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        request("POST", "/api/tasks", f"{EVE}{JSON}Content-Length: 1000\r\n", b'{"title": "'),
    ],
    ids=["headers", "bodies"],
)
def test_who_dribbles_does_not_delay_others(service: Service, nginx: Nginx, beginning: bytes) -> None:
    with ExitStack() as stack, meanwhile(dribble(connections(nginx, stack, beginning))):
        assert_others_are_served(nginx)


def test_who_never_reads_the_answer_does_not_delay_others(service: Service, nginx: Nginx) -> None:
    operations = [{"op": "create", "task": {"title": "x", "description": "x" * 1000}} for _ in range(100)]
    for _ in range(3):
        assert service.call("eve", "POST", "/api/tasks/batch", json={"operations": operations}).is_success

    def all_are_answered() -> bool:
        lines = [json.loads(line) for line in service.output.splitlines()]
        asked = [line for line in lines if line.get("user_id") == "eve" and line["method"] == "GET"]
        return len(asked) == SLOW

    with ExitStack() as stack:
        connections(nginx, stack, request("GET", "/api/tasks", EVE))
        service.wait_until(all_are_answered)
        assert_others_are_served(nginx)


# ---- a restart


def test_a_stop_and_restart_behind_it_loses_no_request(tmp_path: Path) -> None:
    """On a socket that systemd keeps open, what arrives meanwhile waits there for the new process."""
    with (
        Activated(settings_for(tmp_path / "todo.db"), tmp_path) as service,
        Nginx(service.port) as nginx,
        clients(nginx) as writers,
    ):
        with meanwhile(*(writer.write_and_read for writer in writers)):
            for _ in range(3):
                wait_for_answers(service, writers)
                service.restart()
            wait_for_answers(service, writers)
        answers = [request.answer for writer in writers for request in writer.requests]
        assert [answer for answer in answers if answer is None or not answer.is_success] == []
        for writer in writers:
            assert writer.find(service) == writer.acknowledged


# ---- what passes


def test_a_header_field_of_16_kib_passes(nginx: Nginx) -> None:
    with calling(nginx) as http:
        assert http.get("/api/tasks", headers={"X-Padding": "x" * 16 * 1024}).status_code == 200


def test_the_longest_link_passes(nginx: Nginx) -> None:
    title = "\N{MEMO}" * 200
    with calling(nginx, "linus") as http:
        for _ in range(2):
            assert http.post("/api/tasks", json={"title": title}).status_code == 201
        first = http.get("/api/tasks", params={"limit": "1", "sort": "title", "q": title})
        size = sum(len(name) + len(value) for name, value in first.headers.items())
        assert size > 4096, "as much nginx takes without being told to"
        assert len(http.get(first.links["next"]["url"]).json()) == 1


def test_who_sends_2_mib_gets_our_413(nginx: Nginx) -> None:
    with calling(nginx) as http:
        answer = http.post("/api/tasks", content=b" " * 2 * MIB, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")
        assert answer.json()["code"] == "payload_too_large"


def test_request_ids_pass_in_both_directions(service: Service, nginx: Nginx) -> None:
    with calling(nginx) as http:
        assert http.get("/health", headers={"X-Request-Id": "mine"}).headers["X-Request-Id"] == "mine"
        made = http.get("/health").headers["X-Request-Id"]
    assert f'"request_id":"{made}"' in service.output


def test_clients_are_told_apart_whose_tokens_are_refused(nginx: Nginx) -> None:
    """And what they say of themselves counts for nothing."""
    forged = [{}, {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "192.0.2.2"}]
    for address in ("127.0.0.2", "127.0.0.3"):
        with calling(nginx, "", address) as http:
            answers = [http.get("/api/tasks", headers=headers) for headers in forged]
        assert [answer.status_code for answer in answers] == [401] * 3
        left = [answer.headers["X-RateLimit-Remaining"] for answer in answers]
        assert left == ["99999", "99998", "99997"]


def test_below_a_path_links_lead_back_below_it(service: Service) -> None:
    with Nginx(service.port, "/todo") as nginx, calling(nginx, "grace") as http:
        made = [http.post("/todo/api/tasks", json={"title": "x"}) for _ in range(2)]
        listed = http.get("/todo/api/tasks?limit=1")
        links = http.get("/todo/").json()["links"]
        for address in (made[0].headers["Location"], listed.links["next"]["url"], links["docs"]):
            assert address.startswith("/todo/")
            assert http.get(address).status_code == 200


def test_no_client_says_below_which_path_it_is(nginx: Nginx) -> None:
    with calling(nginx) as http:
        links = http.get("/", headers={"X-Forwarded-Prefix": "/forged"}).json()["links"]
    assert links["tasks"] == "/api/tasks"


def test_nobody_learns_which_version_stands_in_front(nginx: Nginx) -> None:
    with calling(nginx) as http:
        assert http.get("/health").headers["Server"] == "nginx"
