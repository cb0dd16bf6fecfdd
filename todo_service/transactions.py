"""Connections of the pool, and transactions on them, without what SQLAlchemy's session does besides.

On PostgreSQL a transaction begins with its first statement and a read is a transaction of its own, each in
one round trip. Whatever a driver raises is raised as SQLAlchemy's exception.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from time import monotonic
from typing import Any, TypeVar, cast

from flask import g
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection as Connection

from todo_service.database import TRUSTED_SECONDS, transaction_settings, watched
from todo_service.extensions import db
from todo_service.turns import begin, turn

Row = tuple[Any, ...]
T = TypeVar("T")


class Transaction:
    """Statements that are done together, or not at all.

    Attributes:
        changed: how many rows the last statement changed.
        pending: what is to be sent with the next statement, or with COMMIT.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.on_postgresql = is_postgresql(engine)
        self.connection: Connection | None = None
        self.changed = 0
        self.pending: list[bytes] = []

    def run(self, sql: str, parameters: Any) -> list[Row]:
        """Run a statement; return its rows."""
        if not self.connection:
            return persistently(self.engine, lambda connection: self.begin(connection, sql, parameters))
        before = self.take_pending()
        rows, self.changed = perform(self.engine, self.connection, sql, parameters, before)
        return rows

    def begin(self, connection: Connection, sql: str, parameters: Any) -> list[Row]:
        self.connection = connection
        if self.on_postgresql:
            self.pending = [b"BEGIN", *transaction_settings()]
        return self.run(sql, parameters)

    def postpone(self, sql: str, parameters: Any) -> None:
        """Run a statement that has nothing to tell. On PostgreSQL it travels with the next one; what is
        wrong with it is raised then."""
        if not self.connection or not self.on_postgresql:
            self.run(sql, parameters)
            return
        with closing(self.connection.cursor()) as cursor, heard(self.engine, cursor, sql, parameters):
            self.pending.append(cast(Any, cursor).mogrify(sql, parameters))

    def take_pending(self) -> list[bytes]:
        pending, self.pending = self.pending, []
        return pending

    def commit(self) -> None:
        """Make it all last. If that raises, nobody knows whether it does."""
        if self.connection:
            self.end(self.connection, [*self.take_pending(), b"COMMIT"])

    def roll_back(self) -> None:
        """Undo all that is not committed. What is read behind this is what is committed."""
        connection, self.connection, self.pending = self.connection, None, []
        if connection:
            with suppress(DBAPIError):  # a connection that is gone has nothing left to undo
                self.end(connection, [b"ROLLBACK"])
            connection.close()

    def end(self, connection: Connection, statements: list[bytes]) -> None:
        driver = cast(Any, connection.driver_connection)
        try:
            if not self.on_postgresql:
                driver.commit() if statements[-1] == b"COMMIT" else driver.rollback()
            elif driver and driver.get_transaction_status() != TRANSACTION_STATUS_IDLE:
                with watched(driver), closing(driver.cursor()) as cursor:
                    cursor.execute(b";".join(statements))
        except self.engine.dialect.loaded_dbapi.Error as error:
            raise translated(self.engine, error, connection) from error


@contextmanager
def transaction() -> Iterator[Transaction]:
    """Do every statement within this in one transaction; what is not committed at its end is undone."""
    it = g.transaction = Transaction(db.engine)
    try:
        if it.on_postgresql:
            yield it
        else:
            with turn_of(it):
                yield it
    finally:
        del g.transaction
        it.roll_back()


@contextmanager
def turn_of(it: Transaction) -> Iterator[None]:
    """Begin to write on SQLite, and end before it is the next one's turn."""
    waiting = ExitStack()
    with waiting:
        try:
            deadline = waiting.enter_context(turn())
            it.connection = connect(it.engine)
            begin(cast(Any, it.connection.driver_connection), deadline)
        except sqlite3.Error as error:
            raise translated(it.engine, error, it.connection) from error
        yield
        it.roll_back()


def current_transaction() -> Transaction | None:
    return cast(Transaction | None, g.get("transaction"))


def this_transaction() -> Transaction:
    return cast(Transaction, g.transaction)


def read(engine: Engine, sql: str, parameters: Any) -> list[Row]:
    """Run a statement by itself."""
    before = transaction_settings() if is_postgresql(engine) else []

    def run(connection: Connection) -> list[Row]:
        try:
            return perform(engine, connection, sql, parameters, before)[0]
        finally:
            connection.close()

    return persistently(engine, run)


def persistently(engine: Engine, first: Callable[[Connection], T]) -> T:
    """Do the first thing on a connection; if that died while it lay in the pool, do it on another one."""
    started = monotonic()
    connection = connect(engine)
    may_be_dead = "returned_at" in connection.info
    try:
        return first(connection)
    except DBAPIError as error:
        shows_at_once = monotonic() - started < TRUSTED_SECONDS
        if not (error.connection_invalidated and may_be_dead and shows_at_once):
            raise
    return first(connect(engine))


def connect(engine: Engine) -> Connection:
    try:
        return engine.raw_connection()
    except engine.dialect.loaded_dbapi.Error as error:
        raise translated(engine, error) from error


def perform(
    engine: Engine, connection: Connection, sql: str, parameters: Any, before: list[bytes]
) -> tuple[list[Row], int]:
    """Run a statement, in one round trip with what is to be done before it.

    Returns:
        its rows, and how many it changed.
    """
    cursor = connection.cursor()
    try:
        with heard(engine, cursor, sql, parameters):
            if before:
                cursor.execute(b";".join([*before, cast(Any, cursor).mogrify(sql, parameters)]))
            else:
                cursor.execute(sql, parameters)
            rows = cast(list[Row], cursor.fetchall()) if cursor.description else []
        return rows, cursor.rowcount
    except engine.dialect.loaded_dbapi.Error as error:
        raise translated(engine, error, connection) from error
    finally:
        cursor.close()


@contextmanager
def heard(engine: Engine, cursor: Any, sql: str, parameters: Any) -> Iterator[None]:
    """Let everybody who listens to the engine hear of a statement."""
    for listen in engine.dispatch.before_cursor_execute:
        listen(None, cursor, sql, parameters, None, False)
    try:
        yield
    finally:
        for listen in engine.dispatch.after_cursor_execute:
            listen(None, cursor, sql, parameters, None, False)


def is_postgresql(engine: Engine) -> bool:
    return engine.dialect.name == "postgresql"


def translated(engine: Engine, error: Exception, connection: Connection | None = None) -> DBAPIError:
    """SQLAlchemy's exception for a driver's. A connection that it shows to be lost is forgotten."""
    dialect = engine.dialect
    lost = False
    if connection and dialect.is_disconnect(cast(Any, error), connection.dbapi_connection, None):
        engine.pool._invalidate(connection, error)  # and with it all that are no younger
        lost = True
    return cast(
        DBAPIError,
        DBAPIError.instance(
            None,
            None,
            error,
            dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=lost,
            dialect=dialect,
        ),
    )
