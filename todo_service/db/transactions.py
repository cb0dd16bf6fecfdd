"""Statements and transactions: a read is a statement by itself, a write a transaction of several."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flask import g
from sqlalchemy import BindParameter, Connection, CursorResult, Executable, Row, bindparam

from todo_service.db.begin import begin, write_lock
from todo_service.db.engine import SNAPSHOT, WRITE
from todo_service.extensions import db

AnyRow = Row[*tuple[Any, ...]]

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
