"""Connections of the pool, and transactions on them, without what SQLAlchemy's session does besides.

On PostgreSQL a transaction begins with its first statement and a read is a transaction of its own, each in
one round trip. Whatever a driver raises is raised as SQLAlchemy's exception.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from select import POLLIN, poll
from time import monotonic
from typing import Any, NamedTuple, TypeVar, cast

from flask import g
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection as Connection

from todo_service.database import (
    ANSWER_SECONDS,
    TRUSTED_SECONDS,
    statement_settings,
    transaction_settings,
    translated,
    translation,
    watchdog,
)
from todo_service.extensions import db
from todo_service.turns import begin, turn

Row = tuple[Any, ...]
T = TypeVar("T")


class Sent(NamedTuple):
    """A statement, and its parameters as the driver takes them; None for what ends a transaction."""

    sql: str
    parameters: Any


class Transaction:
    """Statements that are done together, or not at all.

    Attributes:
        changed: how many rows the last statement changed.
        opening: how the transaction begins, until that has been sent.
        pending: statements that are to be sent with the next one.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.on_postgresql = is_postgresql(engine)
        self.connection: Connection | None = None
        self.changed = 0
        self.opening: list[bytes] = []
        self.pending: list[Sent] = []

    def run(self, sql: str, parameters: Any) -> list[Row]:
        """Run a statement; return its rows."""
        if not self.connection:
            return persistently(self.engine, lambda connection: self.begin(connection, sql, parameters))
        last = Sent(sql, parameters)
        rows, self.changed = perform(self.engine, self.connection, self.opening, [*self.pending, last])
        self.opening, self.pending = [], []
        return rows

    def begin(self, connection: Connection, sql: str, parameters: Any) -> list[Row]:
        self.open(connection)
        return self.run(sql, parameters)

    def open(self, connection: Connection) -> None:
        self.connection = connection
        if self.on_postgresql:
            self.opening = [b"BEGIN", *transaction_settings()]

    def postpone(self, sql: str, parameters: Any) -> None:
        """Run a statement that has nothing to tell. On PostgreSQL it travels with the next one; what is
        wrong with it is raised then."""
        if self.on_postgresql:
            self.pending.append(Sent(sql, parameters))
        else:
            self.run(sql, parameters)

    def at_once(self, sql: str, parameters: Any) -> list[Row]:
        """Run the one statement that there is, and commit, in one round trip. If that raises, nobody knows
        whether it lasts."""
        connection = connect_to_the_living(self.engine)
        try:
            return perform(self.engine, connection, statement_settings(), [Sent(sql, parameters)])[0]
        finally:
            connection.close()

    def commit(self) -> None:
        """Make it all last. If that raises, nobody knows whether it does."""
        if self.on_postgresql:
            if self.pending and not self.connection:
                self.open(connect(self.engine))  # and not `persistently`: this is done once, or not at all
            if self.connection:
                self.run("COMMIT", None)
        elif self.connection:
            with translation(self.engine, self.connection):
                self.connection.commit()

    def roll_back(self) -> None:
        """Undo all that is not committed. What is read behind this is what is committed."""
        connection, self.connection = self.connection, None
        self.pending = []
        if not connection:
            return
        with suppress(DBAPIError):  # a connection that is gone has nothing left to undo
            if not self.on_postgresql:
                with translation(self.engine, connection):
                    connection.rollback()
            elif connection.is_valid and is_busy(connection):
                perform(self.engine, connection, [], [Sent("ROLLBACK", None)])
        connection.close()


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
    with ExitStack() as queue:
        with translation(it.engine):
            deadline = queue.enter_context(turn())
        it.connection = connect(it.engine)
        with translation(it.engine, it.connection):
            begin(cast(Any, it.connection.driver_connection), deadline)
        yield
        it.roll_back()


def current_transaction() -> Transaction | None:
    found: Transaction | None = g.get("transaction")
    return found


def this_transaction() -> Transaction:
    found: Transaction = g.transaction
    return found


def read(engine: Engine, sql: str, parameters: Any) -> list[Row]:
    """Run a statement by itself."""
    opening = statement_settings() if is_postgresql(engine) else []

    def run(connection: Connection) -> list[Row]:
        try:
            return perform(engine, connection, opening, [Sent(sql, parameters)])[0]
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
        raise translated(error, engine) from error


def connect_to_the_living(engine: Engine) -> Connection:
    """A connection that has not been closed while it lay in the pool, as far as can be seen from here."""
    while True:
        connection = connect(engine)
        if "returned_at" not in connection.info or not has_something_to_say(connection):
            return connection
        connection.invalidate()


def has_something_to_say(connection: Connection) -> bool:
    """Whether PostgreSQL has sent something unasked, which is hardly ever anything but its farewell."""
    ear = poll()
    ear.register(cast(Any, connection.dbapi_connection).fileno(), POLLIN)
    return bool(ear.poll(0))


def perform(
    engine: Engine, connection: Connection, opening: list[bytes], statements: list[Sent]
) -> tuple[list[Row], int]:
    """Run statements in one round trip, and let everybody who listens to the engine hear of them.

    Returns:
        the rows of the last one, and how many it changed.
    """
    *before, last = statements
    ends = last.parameters is None
    cursor: Any = None
    try:
        cursor = connection.cursor()
        parts = [*opening]
        for sent in before:
            parts.append(cursor.mogrify(*sent))
            asks(engine, cursor, sent)
            is_answered(engine, cursor, sent)
        watchdog.watch(cursor.connection, ANSWER_SECONDS) if ends else asks(engine, cursor, last)
        try:
            if parts:
                cursor.execute(b";".join([*parts, cursor.mogrify(*last)]))
            else:
                cursor.execute(*last)
            rows = cursor.fetchall() if cursor.description else []
        finally:
            watchdog.unwatch() if ends else is_answered(engine, cursor, last)
        return rows, cursor.rowcount
    except engine.dialect.loaded_dbapi.Error as error:
        raise translated(error, engine, connection) from error
    finally:
        if cursor:
            cursor.close()


def asks(engine: Engine, cursor: Any, sent: Sent) -> None:
    for listen in engine.dispatch.before_cursor_execute:
        listen(None, cursor, *sent, None, False)


def is_answered(engine: Engine, cursor: Any, sent: Sent) -> None:
    for listen in engine.dispatch.after_cursor_execute:
        listen(None, cursor, *sent, None, False)


def is_postgresql(engine: Engine) -> bool:
    return engine.dialect.name == "postgresql"


def is_busy(connection: Connection) -> bool:
    """Whether a transaction is open on PostgreSQL."""
    driver = cast(Any, connection.driver_connection)
    return bool(driver.get_transaction_status() != TRANSACTION_STATUS_IDLE)
