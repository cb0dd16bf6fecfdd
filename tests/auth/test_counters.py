"""Counters of rate limits in memory: fixed windows, and no more of them than there are."""

import time

import pytest

from tests.clock import Clock
from tests.load import at_once
from todo_service.auth.counters import Counters


@pytest.fixture
def counted(clock: Clock) -> Counters:
    return Counters(clock)


def test_a_window_begins_with_the_first_request_and_ends_in_time(counted: Counters, clock: Clock) -> None:
    assert [counted.incr("ada", 60) for _ in range(3)] == [1, 2, 3]
    assert counted.get_expiry("ada") == pytest.approx(time.time() + 60, abs=5)
    clock.now += 59
    assert counted.incr("ada", 60) == 4
    assert counted.get("ada") == 4
    clock.now += 1
    assert counted.get("ada") == 0
    assert counted.incr("ada", 60) == 1


def test_each_key_counts_for_itself(counted: Counters) -> None:
    counted.incr("ada", 60)
    assert counted.get("bob") == 0
    assert counted.get_expiry("bob") == pytest.approx(time.time(), abs=5)


def test_a_window_is_no_longer_when_the_hosts_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = time.time()
    counted = Counters()
    counted.incr("ada", 60)
    monkeypatch.setattr(time, "time", lambda: wall - 3600)  # the host's: no argument stands for it
    assert counted.get_expiry("ada") - time.time() == pytest.approx(60, abs=30)


def test_one_request_may_count_for_several(counted: Counters) -> None:
    assert [counted.incr("ada", 60, 10), counted.incr("ada", 60)] == [10, 11]


def test_a_window_that_has_ended_is_forgotten(counted: Counters, clock: Clock) -> None:
    for number in range(1000):
        counted.incr(str(number), 10)
        clock.now += 1
    assert counted.get("999") == 1
    assert counted.reset() <= 11


def test_no_count_is_lost_among_threads(counted: Counters) -> None:
    at_once(8, lambda _: [counted.incr("ada", 60) for _ in range(1000)])
    assert counted.get("ada") == 8000


def test_counters_can_be_cleared(counted: Counters) -> None:
    counted.incr("ada", 60)
    counted.incr("bob", 60)
    counted.clear("ada")
    assert (counted.get("ada"), counted.get("bob")) == (0, 1)
    assert counted.reset() == 1
    assert counted.get("bob") == 0
