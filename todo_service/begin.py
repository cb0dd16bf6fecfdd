"""How transactions begin: until then, a connection of the pool commits each statement by itself."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, cast

import psycopg2
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from todo_service import deadlines
from todo_service.database import is_postgresql
from todo_service.extensions import db

LOOK_AGAIN_MS = 20  # SQLite's own pauses up to here are of 1, 2 and 5 ms

_sqlite_writers = Lock()


def begin_writing(connection: Connection, deadline: float) -> None:
    """Begin a transaction: on PostgreSQL with the next statement, on SQLite as its only writer.

    Raises:
        OperationalError: another process writes to the SQLite file for LOCK_SECONDS, or it cannot be written;
            or PostgreSQL has just died.
    """
    driver = driver_of(connection)
    with translated_errors(connection):
        if is_postgresql(connection.engine):
            driver.autocommit = False
        else:
            begin_immediate(driver, deadline)


def begin_reading(connection: Connection) -> None:
    """Begin a transaction whose statements all see the moment of the first.

    Raises:
        OperationalError: the database has just died.
    """
    driver = driver_of(connection)
    with translated_errors(connection):
        if is_postgresql(connection.engine):
            driver.autocommit = False
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        else:
            driver.execute("BEGIN")


@contextmanager
def translated_errors(connection: Connection) -> Iterator[None]:
    """Raise SQLAlchemy's error for one of the driver's; PostgreSQL's shows that the connection is lost."""
    try:
        yield
    except psycopg2.Error as error:
        connection.invalidate(error)
        raise OperationalError(None, None, error) from error
    except sqlite3.OperationalError as error:
        raise OperationalError(None, None, error) from error


@contextmanager
def write_lock() -> Iterator[float]:
    """Stand in the queue of this process's writers to SQLite; gives the time by which writing has to begin.

    SQLite has one writer at a time and lets those who wait look again only every 0.1 s: who asks at the
    right moment goes first, and under steady writes somebody waits until the time is up. So only the head of
    a queue asks, every few milliseconds. PostgreSQL locks rows, and has a queue for each.

    Raises:
        OperationalError: it was others' turn for LOCK_SECONDS.
    """
    deadline = time.monotonic() + deadlines.LOCK_SECONDS
    if is_postgresql(db.engine):
        yield deadline
        return
    if not _sqlite_writers.acquire(timeout=deadlines.LOCK_SECONDS):
        raise OperationalError(None, None, sqlite3.OperationalError("database is locked"))
    try:
        yield deadline
    finally:
        _sqlite_writers.release()


def begin_immediate(driver: sqlite3.Connection, deadline: float) -> None:
    """Begin to write as soon as no other process does."""
    driver.execute(f"PRAGMA busy_timeout = {LOOK_AGAIN_MS}")
    try:
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
    finally:
        driver.execute(f"PRAGMA busy_timeout = {deadlines.LOCK_SECONDS * 1000}")


def driver_of(connection: Connection) -> Any:
    return cast(Any, connection.connection.driver_connection)
