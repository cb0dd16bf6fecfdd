"""Connections of the pool, and transactions on them, without what SQLAlchemy's session does besides.

On PostgreSQL a transaction begins with its first statement and a read is a transaction of its own, each in
one round trip. Whatever a driver raises is raised as SQLAlchemy's exception.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeVar, cast

from flask import g
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection as Connection

from todo_service.database import NoAnswer, transaction_settings
from todo_service.extensions import db
from todo_service.turns import begin, turn

Row = tuple[Any, ...]
T = TypeVar("T")


class Transaction:
    """Statements that are done together, or not at all.

    Attributes:
        changed: how many rows the last statement changed.
    """

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.changed = 0

    def run(self, sql: str, parameters: Any) -> list[Row]:
        if self.connection:
            rows, self.changed = perform(self.connection, sql, parameters)
            return rows
        return persistently(lambda connection: self.begin(connection, sql, parameters))

    def begin(self, connection: Connection, sql: str, parameters: Any) -> list[Row]:
        self.connection = connection
        return self.run(f"BEGIN;{transaction_settings()}{sql}" if on_postgresql() else sql, parameters)

    def commit(self) -> None:
        """Make it all last. If that raises, nobody knows whether it does."""
        if not self.connection:
            return
        if on_postgresql():
            command(self.connection, "COMMIT")
        else:
            with translation(self.connection):
                self.connection.commit()

    def roll_back(self) -> None:
        """Undo all that is not committed. What is read behind this is what is committed."""
        connection, self.connection = self.connection, None
        if not connection:
            return
        with suppress(DBAPIError):  # a connection that is gone has nothing left to undo
            if not on_postgresql():
                with translation(connection):
                    connection.rollback()
            elif connection.is_valid and is_busy(connection):
                command(connection, "ROLLBACK")
        connection.close()


@contextmanager
def transaction() -> Iterator[Transaction]:
    """Do every statement within this in one transaction; what is not committed at its end is undone."""
    it = g.transaction = Transaction()
    try:
        if on_postgresql():
            yield it
        else:
            with translation(), turn() as deadline:
                it.connection = connect()
                begin(cast(Any, it.connection.driver_connection), deadline)
                yield it
                it.roll_back()
    finally:
        del g.transaction
        it.roll_back()


def current_transaction() -> Transaction | None:
    return cast(Transaction | None, g.get("transaction"))


def this_transaction() -> Transaction:
    return cast(Transaction, g.transaction)


def read(sql: str, parameters: Any) -> list[Row]:
    """Run a statement by itself."""
    if on_postgresql():
        sql = transaction_settings() + sql
    return persistently(lambda connection: read_on(connection, sql, parameters))


def read_on(connection: Connection, sql: str, parameters: Any) -> list[Row]:
    try:
        return perform(connection, sql, parameters)[0]
    finally:
        connection.close()


def persistently(first: Callable[[Connection], T]) -> T:
    """Do the first thing on a connection; if that died while it lay in the pool, do it on another one."""
    connection = connect()
    may_be_dead = "returned_at" in connection.info
    try:
        return first(connection)
    except DBAPIError as error:
        if not may_be_dead or not error.connection_invalidated or isinstance(error.orig, NoAnswer):
            raise
    return first(connect())


def connect() -> Connection:
    with translation():
        return db.engine.raw_connection()


def perform(connection: Connection, sql: str, parameters: Any) -> tuple[list[Row], int]:
    """Run a statement; return its rows, and how many it changed. Who listens to the engine hears of it."""
    heard = db.engine.dispatch
    with translation(connection), closing(connection.cursor()) as cursor:
        for listen in heard.before_cursor_execute:
            listen(None, cursor, sql, parameters, None, False)
        try:
            cursor.execute(sql, parameters)
            rows = cursor.fetchall() if cursor.description else []
        finally:
            for listen in heard.after_cursor_execute:
                listen(None, cursor, sql, parameters, None, False)
        return cast(list[Row], rows), cursor.rowcount


def command(connection: Connection, sql: str) -> None:
    with translation(connection), closing(connection.cursor()) as cursor:
        cursor.execute(sql)


@contextmanager
def translation(connection: Connection | None = None) -> Iterator[None]:
    """Turn a driver's exception into SQLAlchemy's; forget a connection that it shows to be lost.

    Raises:
        DBAPIError: and of this the class that fits.
    """
    dialect = db.engine.dialect
    error_class = dialect.loaded_dbapi.Error
    try:
        yield
    except error_class as error:
        lost = False
        if connection and dialect.is_disconnect(error, connection.dbapi_connection, None):
            db.engine.pool._invalidate(connection, error)  # and with it all that are no younger
            lost = True
        raise DBAPIError.instance(
            None, None, error, error_class, hide_parameters=True, connection_invalidated=lost, dialect=dialect
        ) from error


def on_postgresql() -> bool:
    return db.engine.dialect.name == "postgresql"


def is_busy(connection: Connection) -> bool:
    """Whether a transaction is open on PostgreSQL."""
    driver = cast(Any, connection.driver_connection)
    return bool(driver.get_transaction_status() != TRANSACTION_STATUS_IDLE)
