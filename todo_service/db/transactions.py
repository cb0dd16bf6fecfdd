"""Statements and transactions: a read is a statement by itself, a write a transaction of several."""

import math
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, cast

from flask import g
from sqlalchemy import BindParameter, Connection, CursorResult, Executable, Row, bindparam
from sqlalchemy.exc import OperationalError

from todo_service.db import deadlines
from todo_service.db.engine import SNAPSHOT, WRITE, is_postgresql
from todo_service.extensions import db

AnyRow = Row[*tuple[Any, ...]]

LOOK_AGAIN_MS = 20  # SQLite's own pauses up to here are of 1, 2 and 5 ms

_sqlite_writers = Lock()

USER: BindParameter[str] = bindparam("user")  # whom all that a statement touches belongs to


def fetch(statement: Executable, **values: Any) -> Sequence[AnyRow]:
    """The rows that a statement returns: in the current transaction if there is one, else by itself.

    Raises:
        DBAPIError: the driver's error, as SQLAlchemy wraps it.
    """
    if "connection" in g:
        return execute(statement, **values).all()
    with db.engine.connect() as connection:
        return connection.execute(statement, values).all()


def fetch_one(statement: Executable, **values: Any) -> AnyRow | None:
    """The first row, if there is one."""
    rows = fetch(statement, **values)
    return rows[0] if rows else None


def fetch_value(statement: Executable, **values: Any) -> Any:
    """The first row's first value; None without a row."""
    row = fetch_one(statement, **values)
    return row[0] if row else None


def execute(statement: Executable, **values: Any) -> CursorResult[*tuple[Any, ...]]:
    """Run a statement in the current transaction."""
    connection: Connection = g.connection
    return connection.execute(statement, values)


@contextmanager
def transaction() -> Iterator[Connection]:
    """A transaction that writes, of which every statement within is a part; uncommitted, it is undone."""
    with write_lock() as deadline, db.engine.connect() as connection:
        begin(connection, WRITE, deadline)
        with bind_connection(connection):
            yield connection


@contextmanager
def snapshot() -> Iterator[None]:
    """A transaction that only reads, and whose statements all see the same moment."""
    with db.engine.connect() as connection:
        begin(connection, SNAPSHOT)
        with bind_connection(connection):
            yield


@contextmanager
def bind_connection(connection: Connection) -> Iterator[None]:
    g.connection = connection
    try:
        yield
    finally:
        del g.connection


def roll_back() -> None:
    """Undo what the current transaction has done so far. What is read behind this is what is committed."""
    g.connection.rollback()


# ---- how transactions begin: until then, a connection of the pool commits each statement by itself


def begin(connection: Connection, transaction: str, deadline: float = math.inf) -> None:
    """Begin a transaction: on PostgreSQL with the next statement, on SQLite at once.

    Args:
        transaction: WRITE or SNAPSHOT.
        deadline: by `time.monotonic`, until when other writers to a SQLite file are waited for.

    Raises:
        OperationalError: another process writes to the SQLite file until then, or it cannot be written.
    """
    if is_postgresql(connection.engine):
        connection.execution_options(begin=transaction)
        return
    try:
        if transaction == WRITE:
            begin_immediate(cast(Any, connection.connection.driver_connection), deadline)
        else:
            connection.exec_driver_sql("BEGIN")
    except sqlite3.OperationalError as error:
        raise OperationalError(None, None, error) from error


@contextmanager
def write_lock() -> Iterator[float]:
    """The lock that queues this process's writers to SQLite; yields the deadline for beginning to write.

    SQLite has one writer at a time and lets those who wait look again only every 0.1 s: who asks at the
    right moment goes first, and under steady writes somebody waits until the time is up. So only the head of
    a queue asks, every few milliseconds. PostgreSQL locks rows, and has a queue for each.

    Raises:
        OperationalError: others held it for LOCK_SECONDS.
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
