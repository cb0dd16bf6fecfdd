"""What one user does at once is not felt by the others, nor refused (contract §7)."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from threading import Event, Semaphore
from typing import Any

import pytest
from flask import Flask, request_started
from flask.testing import FlaskClient
from sqlalchemy import event

from tests.conftest import MakeApp
from tests.faults import engine_of
from tests.load import at_once
from tests.people import Person, body
from tests.service import Service
from todo_service.api.problems import Problem
from todo_service.auth.fair_share import MAX_PRESENT, MAX_RUNNING, REST_FACTOR, WAIT_SECONDS, FairShare

TRIES = 5


@pytest.fixture
def share() -> FairShare:
    return FairShare()


@pytest.fixture
def refusals(share: FairShare) -> Iterator[Queue[Problem]]:
    """What those of Ada's requests are told that are refused. They are one more than the process holds: while
    the test runs two are at work, and all others wait for their turn."""
    told, done = Queue[Problem](), Event()

    def work() -> None:
        try:
            with share.slot("ada"):
                done.wait(WAIT_SECONDS)
        except Problem as problem:
            told.put(problem)

    with ThreadPoolExecutor(MAX_PRESENT + 1) as threads:
        for _ in range(MAX_PRESENT + 1):
            threads.submit(work)
        yield told
        done.set()


def test_a_request_is_refused_when_too_many_of_its_user_s_wait(refusals: Queue[Problem]) -> None:
    refused = refusals.get(timeout=30)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")


def test_others_have_their_turn_while_one_has_many_requests(
    share: FairShare, refusals: Queue[Problem]
) -> None:
    refusals.get(timeout=30)  # all others are here
    with share.slot("bob"), share.slot("bob"):
        pass
    assert refusals.empty()


def test_a_request_whose_turn_does_not_come_is_refused(share: FairShare) -> None:
    began = time.monotonic()
    with share.slot("ada"), share.slot("ada"), pytest.raises(Problem) as refused, share.slot("ada"):
        pass
    assert refused.value.status == 429
    assert time.monotonic() - began >= WAIT_SECONDS
    with share.slot("ada"):
        pass


def test_nothing_is_kept_of_a_user_who_is_gone(share: FairShare) -> None:
    with pytest.raises(ZeroDivisionError), share.slot("ada"):
        raise ZeroDivisionError
    assert share.users == {}


WORK = 0.2  # seconds that the request before takes, so that who rests does so for twice as long


def waited(share: FairShare) -> float:
    """Seconds from the end of Ada's requests that are at work to the beginning of one that waits for them."""

    def begin() -> float:
        with share.slot("ada"):
            return time.monotonic()

    with ThreadPoolExecutor(1) as threads:
        with share.slot("ada"), share.slot("ada"):
            waiting = threads.submit(begin)
            time.sleep(WORK)
            ended = time.monotonic()
        return waiting.result() - ended


def test_a_request_that_had_to_wait_rests_while_others_are_here(share: FairShare) -> None:
    def beside_bob() -> float:
        with share.slot("bob"):
            pass
        return waited(share)

    # Several tries, as a busy machine may take so long that Bob is not here any more.
    assert any(beside_bob() >= REST_FACTOR * WORK for _ in range(TRIES))


def test_a_request_that_had_to_wait_does_not_rest_while_nobody_else_is_here(share: FairShare) -> None:
    # Several tries, as a busy machine may take long to wake the one that waits.
    assert any(waited(share) < REST_FACTOR * WORK for _ in range(TRIES))


@pytest.mark.parametrize(
    ("rate", "at_work"), [("600/minute", MAX_RUNNING), ("", 5)], ids=["limited", "unlimited"]
)
def test_a_process_works_at_two_requests_of_a_user_at_once_if_requests_are_limited(
    make_app: MakeApp, rate: str, at_work: int
) -> None:
    served = make_app(RATE_LIMIT=rate)
    ada, bob = (Person(served.test_client(), name) for name in ("ada", "bob"))
    task = bob.adds()
    came, begun, done = Semaphore(0), Semaphore(0), Event()

    def hold(_connection: Any, _cursor: Any, _statement: str, parameters: Any, *_: Any) -> None:
        if "ada" in str(parameters):
            begun.release()
            assert done.wait(30)

    def come(_app: Flask) -> None:
        came.release()

    ada.adds()
    event.listen(engine_of(served), "before_cursor_execute", hold)
    with request_started.connected_to(come, served), ThreadPoolExecutor(5) as threads:
        answers = [threads.submit(Person(served.test_client(), "ada").get) for _ in range(5)]
        try:
            assert all(came.acquire(timeout=30) for _ in range(5))
            assert all(begun.acquire(timeout=30) for _ in range(at_work))
            assert not begun.acquire(timeout=0.1)  # in which all others would have begun
            assert body(bob.get()) == [task]
        finally:
            done.set()
    assert [answer.result().status_code for answer in answers] == [200] * 5


def test_thirty_changes_at_once_are_served(service: Service, client: FlaskClient) -> None:
    task = Person(client, "ada").adds()
    paths = [f"/api/tasks/{task['id']}", "/api/tasks"]
    answers = at_once(30, lambda number: service.call("ada", "POST", json={"title": f"{number}"}))
    assert [answer.status_code for answer in answers] == [201] * 30
    answers = at_once(30, lambda number: service.call("ada", "GET", paths[number % 2]))
    assert [answer.status_code for answer in answers] == [200] * 30
