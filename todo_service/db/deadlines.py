"""Deadlines: every wait for the database has an end, also where the server itself keeps none.

| wait for | at most |
|---|---|
| a connection to be made, or to show that it is alive after it lay idle | 3 s |
| a connection of the pool | 5 s |
| a lock | 5 s |
| a statement, as the server counts | 10 s |
| an answer, should the server itself hang | 12 s |
| statements of one request, until none is begun any more | 15 s |
| our next statement, should we hang, as the server counts | 15 s |
"""

import math
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import psycopg2
from flask import g
from psycopg2 import extensions as psycopg
from sqlalchemy.exc import TimeoutError as PoolTimeout

CONNECT_SECONDS = 3
POOL_SECONDS = 5
LOCK_SECONDS = 5
STATEMENT_SECONDS = 10
ANSWER_SECONDS = 12
REQUEST_SECONDS = 15
IDLE_SECONDS = 15

CONNECTED = (psycopg.STATUS_READY, psycopg.STATUS_BEGIN)
READINESS = {psycopg.POLL_READ: select.POLLIN, psycopg.POLL_WRITE: select.POLLOUT}

OPEN_SECONDS = 5  # that a circuit stays open after a wait in vain
OPEN_FACTOR = 0.1  # of the usual time is what is waited meanwhile


class CircuitBreaker:
    """A circuit breaker: for a while after a wait in vain, the next ones are short.

    Who queues for a thread behind others that wait for a frozen server would otherwise wait as long as they
    did, and then once more on their own. Only a full wait opens the circuit, so that it closes again.
    """

    def __init__(self) -> None:
        self.opened_at = -math.inf

    def seconds(self, usual: float) -> float:
        is_open = time.monotonic() < self.opened_at + OPEN_SECONDS
        return usual * OPEN_FACTOR if is_open else usual

    def open(self) -> None:
        if time.monotonic() > self.opened_at + OPEN_SECONDS:
            self.opened_at = time.monotonic()


answers = CircuitBreaker()
locks = CircuitBreaker()
_answer_seconds = ContextVar[float]("answer_seconds", default=ANSWER_SECONDS)


@contextmanager
def answer_within(seconds: float) -> Iterator[None]:
    """Wait for each answer of PostgreSQL so long within this, and not ANSWER_SECONDS."""
    token = _answer_seconds.set(seconds)
    try:
        yield
    finally:
        _answer_seconds.reset(token)


def wait(connection: psycopg.connection) -> None:
    """Wait until the driver need not wait for PostgreSQL any more: psycopg2's wait callback.

    It covers whatever the driver waits for: connecting, BEGIN, statements, COMMIT and ROLLBACK. A connection
    whose wait fails is closed by the driver.

    Raises:
        psycopg2.OperationalError: the deadline has passed.
    """
    state = connection.poll()
    if state == psycopg.POLL_OK:
        return
    usual = _answer_seconds.get() if connection.status in CONNECTED else CONNECT_SECONDS
    deadline = time.monotonic() + answers.seconds(usual)
    while state != psycopg.POLL_OK:
        socket = select.poll()
        socket.register(connection.fileno(), READINESS[state])
        if not socket.poll(max(0, deadline - time.monotonic()) * 1000):
            answers.open()
            raise psycopg2.OperationalError("PostgreSQL did not answer in time")
        state = connection.poll()


def begin_request(seconds: float) -> None:
    """Let the request begin statements for so long from now on, and no longer."""
    g.deadline = time.monotonic() + seconds


def require_time(_connection: object, _cursor: object, statement: str, *_: object) -> None:
    """Begin no further statement for a request that has taken too long: a batch has hundreds of them.

    Raises:
        TimeoutError: SQLAlchemy's, which becomes a 503 as that of the pool does.
    """
    if time.monotonic() > g.get("deadline", math.inf) and statement != "ROLLBACK":
        raise PoolTimeout("the request has taken too long")
