"""Load on the running service: clients that keep it busy and note what became of each of their requests."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from threading import Barrier, Event
from typing import Any, NamedTuple, Protocol

import httpx

from tests.people import token_for
from tests.service import Service

USERS = {f"user-{number}": number % 2 == 0 for number in range(8)}  # and who keeps connections alive
HANGS = 45  # seconds; longer than all limits of the service's together
PAUSE = 0.02  # seconds of rest after each doing of a client's, so that eight do not use up the processors


def at_once(number: int, request: Callable[[int], Any]) -> list[Any]:
    """The answers to so many requests, each from a thread of its own, all of them sent together."""
    barrier = Barrier(number)

    def send(which: int) -> Any:
        barrier.wait()
        return request(which)

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(send, range(number)))


@contextmanager
def meanwhile(*doings: Callable[[], object]) -> Iterator[None]:
    """Do all these again and again, each in a thread, until the block is left; what they raise is raised."""
    over = Event()

    def repeat(doing: Callable[[], object]) -> None:
        while not over.is_set():
            doing()

    with ThreadPoolExecutor(len(doings)) as threads:
        repeated = [threads.submit(repeat, doing) for doing in doings]
        try:
            yield
        finally:
            over.set()
    for one in repeated:
        one.result()


class Reachable(Protocol):
    """A service, or a proxy in front of one."""

    url: str


class Request(NamedTuple):
    """What became of a request; `began` and `ended` are in seconds of the monotonic clock.

    It was `accepted` if the server had answered on its connection before, or began to answer this one.
    That a connection was made proves nothing: the kernel does that, and the server may never see it.
    """

    method: str
    began: float
    ended: float
    answer: httpx.Response | None
    accepted: bool

    @property
    def served(self) -> bool:
        return self.answer is not None and self.answer.is_success

    @property
    def lost(self) -> bool:
        """Whether the server let go of it on a connection that it had certainly accepted."""
        return self.answer is None and self.accepted


class Client:
    """A user's program: it knows what it tried to write, by title, and what was acknowledged."""

    def __init__(self, service: Reachable, user: str, token: str, *, keep_alive: bool) -> None:
        self.user = user
        self.http = httpx.Client(
            base_url=service.url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=HANGS,
            limits=httpx.Limits(max_keepalive_connections=1 if keep_alive else 0),
        )
        self.requests: list[Request] = []
        self.tried: list[str] = []
        self.acknowledged: dict[str, Any] = {}

    def close(self) -> None:
        self.http.close()

    def send(self, method: str, path: str = "/api/tasks", **kwargs: Any) -> httpx.Response | None:
        """The answer, or None if the connection was refused or cut.

        Raises:
            TimeoutException: it hangs.
        """
        steps: list[str] = []
        extensions = {"trace": lambda step, _: steps.append(step)}
        answer, began = None, time.monotonic()
        with suppress(httpx.NetworkError, httpx.ProtocolError):
            answer = self.http.request(method, path, extensions=extensions, **kwargs)
        connected = "connection.connect_tcp.started" in steps
        answered = "http11.receive_response_headers.complete" in steps
        accepted = answered or not connected
        self.requests.append(Request(method, began, time.monotonic(), answer, accepted))
        return answer

    def write_and_read(self) -> None:
        """Add a task, look at the newest one, and rest."""
        title = self.new_title()
        written = self.send("POST", json={"title": title})
        newest = self.send("GET", "/api/tasks?limit=1")
        if written is not None and written.status_code == 201:
            self.acknowledged[title] = written.json()
            assert newest is None or not newest.is_success or newest.json() == [written.json()]
        time.sleep(PAUSE)

    def write_surely(self) -> None:
        """Add a task and then two in a batch, each with a key and again until it is acknowledged."""
        title, *titles = (self.new_title() for _ in range(3))
        self.acknowledged[title] = self.persistently("/api/tasks", {"title": title}, title)
        operations = [{"op": "create", "task": {"title": title}} for title in titles]
        batch = self.persistently("/api/tasks/batch", {"operations": operations}, titles[0])
        self.acknowledged |= {result["task"]["title"]: result["task"] for result in batch["results"]}
        time.sleep(PAUSE)

    def new_title(self) -> str:
        self.tried.append(f"{self.user}:{len(self.tried)}")
        return self.tried[-1]

    def persistently(self, path: str, json: Any, key: str) -> Any:
        """What the service says at last, as a program hears it that was told how to retry safely."""
        while True:
            answer = self.send("POST", path, json=json, headers={"Idempotency-Key": key})
            if answer is not None and answer.is_success:
                return answer.json()
            assert answer is None or answer.status_code in (409, 503), answer.text
            time.sleep(PAUSE)

    def find(self, service: Service) -> dict[str, Any]:
        """The user's tasks by title, none of which stands there twice."""
        found: list[dict[str, Any]] = []
        path = "/api/tasks"
        while path:
            answer = service.call(self.user, "GET", path)
            assert answer.status_code == 200, answer.text
            found += answer.json()
            path = answer.links.get("next", {}).get("url", "")
        by_title = {task["title"]: task for task in found}
        assert len(by_title) == len(found), "something was done twice"
        return by_title

    def check_writes(self, service: Service) -> None:
        """Every acknowledged write is there, as it was acknowledged, and none that was never tried."""
        found = self.find(service)
        assert {title: found.get(title) for title in self.acknowledged} == self.acknowledged
        assert set(found) <= set(self.tried)


def wait_for_answers(service: Service, clients: list[Client], more: int = 10) -> None:
    """Wait until each client has sent so many more requests: the load is on, however slow the machine is."""
    wanted = {client: len(client.requests) + more for client in clients}
    service.wait_until(lambda: all(len(client.requests) >= number for client, number in wanted.items()))


@contextmanager
def clients(service: Reachable, sign: Callable[[str], str] = token_for) -> Iterator[list[Client]]:
    """The clients of eight users; every other one makes a new connection for each request."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(closing(Client(service, user, sign(user), keep_alive=keep_alive)))
            for user, keep_alive in USERS.items()
        ]


def everybody_meets(writers: list[Client], service: Service, *, served: bool) -> list[Request]:
    """Wait until each writer has been served, or not, from now on; return all that was asked meanwhile."""
    now = time.monotonic()
    asked: list[list[Request]] = []

    def each_has() -> bool:
        asked[:] = ([request for request in writer.requests if request.began > now] for writer in writers)
        return all(any(request.served is served for request in requests) for requests in asked)

    service.wait_until(each_has)
    return [request for requests in asked for request in requests]
