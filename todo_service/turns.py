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

from todo_service.database import LOCK_SECONDS

LOOK_AGAIN_MS = 20  # SQLite's own pauses up to here are of 1, 2 and 5 ms

_queue = Lock()


@contextmanager
def turn() -> Iterator[float]:
    """Stand in the queue; within this, be its head. Gives the time by which writing has to `begin`.

    Raises:
        sqlite3.OperationalError: it was others' turn for `LOCK_SECONDS`.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    if not _queue.acquire(timeout=LOCK_SECONDS):
        raise sqlite3.OperationalError("database is locked")
    try:
        yield deadline
    finally:
        _queue.release()


def begin(connection: sqlite3.Connection, deadline: float) -> None:
    """Begin to write as soon as no other process does.

    Raises:
        sqlite3.OperationalError: that was not before the deadline, or the file cannot be written.
    """
    connection.execute(f"PRAGMA busy_timeout = {LOOK_AGAIN_MS}")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
    finally:
        connection.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}")
