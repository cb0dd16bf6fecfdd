"""What one user does at once is not felt by the others, nor refused (contract §7)."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore, Thread
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from tests.load import at_once
from tests.people import Person, body
from tests.service import Service
from todo_service import create_app
from todo_service.api.problems import Problem
from todo_service.auth import fair_share
from todo_service.auth.fair_share import MAX_PRESENT, MAX_RUNNING, FairShare, Slots
from todo_service.config import Settings
from todo_service.extensions import db


@pytest.fixture
def share() -> FairShare:
    return FairShare()


@pytest.fixture
def busy(share: FairShare) -> Iterator[list[Thread]]:
    """Ada's requests, as many as the process holds: two at work, and all others waiting for their turn."""
    done, begun = Event(), [Event() for _ in range(MAX_RUNNING)]
    free = iter(begun)

    def work() -> None:
        with share.slot("ada"):
            if not done.is_set():
                next(free).set()
                done.wait()

    requests = [Thread(target=work) for _ in range(MAX_PRESENT)]
    for request in requests:
        request.start()
    for one in begun:
        one.wait()
    while share.users["ada"].present < MAX_PRESENT:
        time.sleep(0.001)
    yield requests
    done.set()
    for request in requests:
        request.join()


def test_others_have_their_turn_while_one_has_many_requests(share: FairShare, busy: list[Thread]) -> None:
    with share.slot("bob"), share.slot("bob"):
        assert all(request.is_alive() for request in busy)


def test_there_is_an_end_to_how_many_may_wait(share: FairShare, busy: list[Thread]) -> None:
    with pytest.raises(Problem) as refused, share.slot("ada"):
        pass
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "1")


def test_and_to_how_long(share: FairShare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair_share, "WAIT_SECONDS", 0.01)
    with share.slot("ada"), share.slot("ada"), pytest.raises(Problem), share.slot("ada"):
        pass
    with share.slot("ada"):
        pass


def test_nothing_is_kept_of_those_who_are_gone(share: FairShare) -> None:
    with pytest.raises(ZeroDivisionError), share.slot("ada"):
        raise ZeroDivisionError
    assert share.users == {}


class Taken(Semaphore):
    """One that is never free at once, and free as soon as somebody waits."""

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        return blocking

    def release(self, n: int = 1) -> None:
        pass


@pytest.mark.parametrize(("before", "rests"), [("bob", [0.2]), ("ada", [])], ids=["others", "nobody else"])
def test_who_had_to_wait_rests_while_others_are_here(
    share: FairShare, monkeypatch: pytest.MonkeyPatch, before: str, rests: list[float]
) -> None:
    rested: list[float] = []
    monkeypatch.setattr("time.sleep", rested.append)
    with share.slot(before):
        pass
    share.users["ada"] = Slots(free=Taken(), present=1, seconds=0.1)
    with share.slot("ada"):
        pass
    assert rested == rests


@pytest.mark.parametrize(
    ("rate", "at_work"), [("600/minute", MAX_RUNNING), ("", 5)], ids=["limited", "unlimited"]
)
def test_a_process_works_at_two_requests_of_a_user_at_once_if_requests_are_limited(
    app: Flask, environment: dict[str, str], rate: str, at_work: int
) -> None:
    served = create_app(Settings.from_environ({**environment, "RATE_LIMIT": rate}))
    ada, bob = (Person(served.test_client(), name) for name in ("ada", "bob"))
    task = bob.adds()
    begun, done = Semaphore(0), Event()

    def hold(_connection: Any, _cursor: Any, _statement: str, parameters: Any, *_: Any) -> None:
        if "ada" in str(parameters):
            begun.release()
            assert done.wait(30)

    ada.adds()
    with served.app_context():
        event.listen(db.engine, "before_cursor_execute", hold)
    with ThreadPoolExecutor(5) as threads:
        answers = [threads.submit(Person(served.test_client(), "ada").get) for _ in range(5)]
        try:
            assert all(begun.acquire(timeout=30) for _ in range(at_work))
            if rate:
                users = served.extensions["fair_share"].users
                assert wait_for(lambda: users["ada"].present == 5)
                assert not begun.acquire(blocking=False)
            assert body(bob.get()) == [task]
        finally:
            done.set()
    assert [answer.result().status_code for answer in answers] == [200] * 5


def wait_for(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.001)
    return condition()


def test_thirty_changes_at_once_are_served(service: Service, client: FlaskClient) -> None:
    task = Person(client, "ada").adds()
    paths = [f"/api/tasks/{task['id']}", "/api/tasks"]
    answers = at_once(30, lambda number: service.call("ada", "POST", json={"title": f"{number}"}))
    assert [answer.status_code for answer in answers] == [201] * 30
    answers = at_once(30, lambda number: service.call("ada", "GET", paths[number % 2]))
    assert [answer.status_code for answer in answers] == [200] * 30
