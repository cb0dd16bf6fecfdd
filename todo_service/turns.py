"""Turns to write: SQLite has one writer at a time, and lets those who wait look again only every 0.1 s.

Who asks at the right moment goes first then, and under steady writes somebody waits until his time is up. So
the writers of a process stand in a queue, and only its head asks SQLite, every few milliseconds. PostgreSQL
locks rows, and has a queue for each.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from todo_service.database import LOCK_SECONDS, is_lock_timeout
from todo_service.extensions import db

LOOK_AGAIN_MS = 20  # SQLite's own pauses up to here are of 1, 2 and 5 ms

_queue = Lock()


@contextmanager
def turn() -> Iterator[None]:
    """Write within this. What is not committed at its end is rolled back.

    Raises:
        OperationalError: it was nobody else's turn for `LOCK_SECONDS`, or the file cannot be written.
    """
    if db.engine.dialect.name != "sqlite":
        yield
        return
    deadline = time.monotonic() + LOCK_SECONDS
    if not _queue.acquire(timeout=LOCK_SECONDS):
        raise OperationalError("BEGIN IMMEDIATE", None, sqlite3.OperationalError("database is locked"))
    try:
        begin(deadline)
        yield
    finally:
        db.session.rollback()
        _queue.release()


def begin(deadline: float) -> None:
    """Begin a transaction that writes, as soon as nobody else's does.

    Raises:
        OperationalError: it was not possible until the deadline (seconds of the monotonic clock).
    """
    db.session.execute(text(f"PRAGMA busy_timeout = {LOOK_AGAIN_MS}"))
    try:
        while True:
            try:
                db.session.execute(text("BEGIN IMMEDIATE"))
                return
            except OperationalError as error:
                if not is_lock_timeout(error) or time.monotonic() > deadline:
                    raise
    finally:
        db.session.execute(text(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}"))
