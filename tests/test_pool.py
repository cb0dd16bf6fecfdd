"""The pool of database connections, which many threads share without standing in each other's way."""

import sqlite3
from threading import Barrier

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tests.load import at_once
from todo_service import metrics
from todo_service.pool import MeasuredPool


def pool_of(size: int, seconds: float) -> MeasuredPool:
    def make() -> sqlite3.Connection:
        return sqlite3.connect(":memory:", check_same_thread=False)

    return MeasuredPool(make, pool_size=size, max_overflow=0, timeout=seconds)


def test_who_has_to_wait_gets_the_next_connection_that_is_put_back() -> None:
    pool = pool_of(2, seconds=30)
    in_use: list[object] = []
    most = 0

    def use_often(_: int) -> None:
        nonlocal most
        for _ in range(500):
            connection = pool.connect()
            in_use.append(connection)
            most = max(most, len(in_use))
            connection.cursor().execute("SELECT 1")
            in_use.remove(connection)
            connection.close()

    at_once(8, use_often)
    assert most <= 2
    assert pool.checkedout() == 0


def test_nobody_who_waits_alone_is_forgotten() -> None:
    """One puts back what the other is just about to wait for, a thousand times."""
    pool, both = pool_of(1, seconds=2), Barrier(2, timeout=30)

    def take(_: int) -> None:
        for _ in range(1000):
            both.wait()
            pool.connect().close()

    at_once(2, take)
    assert pool.checkedout() == 0


def test_who_waits_in_vain_is_told_and_counted() -> None:
    pool = pool_of(1, seconds=0.01)
    before = count(metrics.pool_waits), count(metrics.pool_timeouts)
    held = pool.connect()
    with pytest.raises(PoolTimeout):
        pool.connect()
    assert (count(metrics.pool_waits), count(metrics.pool_timeouts)) == (before[0] + 1, before[1] + 1)
    held.close()
    pool.connect().close()


def count(counter: object) -> float:
    ((sample, *_),) = [metric.samples for metric in counter.collect()]  # type: ignore[attr-defined]  # untyped
    return float(sample.value)
