"""What one user does at once is not felt by the others, nor refused (contract §7)."""

import time
from collections.abc import Iterator
from threading import Event, Thread

import pytest
from flask.testing import FlaskClient

from tests.load import at_once
from tests.people import Person
from tests.service import Service
from todo_service.api.problems import Problem
from todo_service.auth import fair_share
from todo_service.auth.fair_share import AT_ONCE, MOST, FairShare


@pytest.fixture
def share() -> FairShare:
    return FairShare()


@pytest.fixture
def busy(share: FairShare) -> Iterator[list[Thread]]:
    """Ada's requests, as many as the process holds: two at work, and all others waiting for their turn."""
    done, begun = Event(), [Event() for _ in range(AT_ONCE)]
    free = iter(begun)

    def work() -> None:
        with share.turn("ada"):
            if not done.is_set():
                next(free).set()
                done.wait()

    requests = [Thread(target=work) for _ in range(MOST)]
    for request in requests:
        request.start()
    for event in begun:
        event.wait()
    while share.users["ada"].present < MOST:
        time.sleep(0.001)
    yield requests
    done.set()
    for request in requests:
        request.join()


def test_others_have_their_turn_while_one_has_many_requests(share: FairShare, busy: list[Thread]) -> None:
    with share.turn("bob"), share.turn("bob"):
        assert all(request.is_alive() for request in busy)


def test_there_is_an_end_to_how_many_may_wait(share: FairShare, busy: list[Thread]) -> None:
    with pytest.raises(Problem) as refused, share.turn("ada"):
        pass
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "1")


def test_and_to_how_long(share: FairShare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair_share, "WAIT_SECONDS", 0.01)
    with share.turn("ada"), share.turn("ada"), pytest.raises(Problem), share.turn("ada"):
        pass
    with share.turn("ada"):
        pass


def test_nothing_is_kept_of_those_who_are_gone(share: FairShare) -> None:
    with pytest.raises(ZeroDivisionError), share.turn("ada"):
        raise ZeroDivisionError
    assert share.users == {}


def test_thirty_changes_at_once_are_served(service: Service, client: FlaskClient) -> None:
    task = Person(client, "ada").adds()
    paths = [f"/api/tasks/{task['id']}", "/api/tasks"]
    answers = at_once(30, lambda number: service.call("ada", "POST", json={"title": f"{number}"}))
    assert [answer.status_code for answer in answers] == [201] * 30
    answers = at_once(30, lambda number: service.call("ada", "GET", paths[number % 2]))
    assert [answer.status_code for answer in answers] == [200] * 30
