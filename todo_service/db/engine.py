"""The engine: a pool in autocommit mode, for reads, from which a write takes a transaction of its own.

All that is done to connections is done by SQLAlchemy's documented events.
"""

import select
import time
from collections.abc import Callable
from sqlite3 import Connection as SqliteConnection
from typing import Any

import psycopg2
from flask import Flask
from psycopg2 import extensions as psycopg
from psycopg2.errors import LockNotAvailable, UntranslatableCharacter
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL, ExceptionContext, ExecutionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from todo_service.config import Settings
from todo_service.db import deadlines
from todo_service.db.availability import is_lost
from todo_service.db.sqlite_file import SqliteFile
from todo_service.extensions import db

TRUSTED_IDLE_SECONDS = 1  # that a connection may lie idle and is still taken for alive
STATEMENTS = 1000  # compiled forms that are kept

# How transactions begin on PostgreSQL: one that writes, and one whose statements all see one moment.
WRITE = "BEGIN;"
SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;"
BARE = "bare"  # a statement that is to be sent alone, as some of the schema's have to be

UUID_AS_TEXT = psycopg.new_type((2950,), "UUID_AS_TEXT", psycopg2.STRING)


def init_app(app: Flask, settings: Settings) -> None:
    """Set up `db` on the database of the settings; no connection is made yet."""
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(settings)
    db.init_app(app)
    app.before_request(lambda: deadlines.begin_request(deadlines.REQUEST_SECONDS))
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", deadlines.require_time)
        if is_postgresql(db.engine):
            listen_to_postgresql(db.engine)
        else:
            listen_to_sqlite(db.engine)


def engine_options(settings: Settings) -> dict[str, Any]:
    """A pool of THREADS connections, of which each request holds one at most; who finds none free waits."""
    options: dict[str, Any] = {
        "isolation_level": "AUTOCOMMIT",
        "hide_parameters": True,  # what people write has no place in logs and tracebacks
        "query_cache_size": STATEMENTS,
    }
    if is_in_memory(settings.database_url):
        return options
    options |= {"pool_size": settings.threads, "max_overflow": 0, "pool_timeout": deadlines.POOL_SECONDS}
    if settings.database_url.get_backend_name() == "sqlite":
        return {**options, "connect_args": {"timeout": deadlines.LOCK_SECONDS}}
    # No column is an hstore; a new connection need not ask which type that is.
    return {**options, "connect_args": {"client_encoding": "UTF8"}, "use_native_hstore": False}


def is_in_memory(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def is_postgresql(engine: Engine) -> bool:
    return engine.dialect.name == "postgresql"


# ---- PostgreSQL


def listen_to_postgresql(engine: Engine) -> None:
    psycopg.set_wait_callback(deadlines.wait)
    event.listen(engine, "connect", require_utf8)
    event.listen(engine, "connect", leave_ids_as_text)
    event.listen(engine, "checkin", record_idle_since)
    event.listen(engine, "checkout", require_alive)
    event.listen(engine, "do_execute", execute_with_settings)
    event.listen(engine, "commit", end_with("COMMIT"))
    event.listen(engine, "rollback", end_with("ROLLBACK"))
    event.listen(engine, "handle_error", classify_error)


def require_utf8(connection: psycopg.connection, _record: Any) -> None:
    """
    Raises:
        UntranslatableCharacter: as the first emoji would, or the first `é`, but before anything is done.
    """
    encoding = connection.get_parameter_status("server_encoding")  # told at the start; not by every pooler
    if encoding not in (None, "UTF8"):
        raise UntranslatableCharacter(f"the database's encoding is {encoding}, and has to be UTF8")


def leave_ids_as_text(connection: psycopg.connection, _record: Any) -> None:
    """Nobody here computes with ids, and a UUID object takes 2 µs to make."""
    psycopg.register_type(UUID_AS_TEXT, connection)


def record_idle_since(connection: psycopg.connection | None, record: ConnectionPoolEntry) -> None:
    record.info["idle_since"] = time.monotonic()


def require_alive(connection: psycopg.connection, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """Check a connection before it is lent: has the server closed it, does it answer after idleness?

    Raises:
        DisconnectionError: it is not, or a transaction was left open on it; the pool then makes a new one.
    """
    idle_since = record.info.get("idle_since")
    if idle_since is None:  # it was made just now
        return
    try:
        if (
            has_unread_data(connection)
            or connection.get_transaction_status() != psycopg.TRANSACTION_STATUS_IDLE
        ):
            raise DisconnectionError("PostgreSQL has closed the connection, or a transaction was left open")
        if time.monotonic() - idle_since > TRUSTED_IDLE_SECONDS:
            with deadlines.answer_within(deadlines.CONNECT_SECONDS), connection.cursor() as cursor:
                cursor.execute("SELECT")
    except psycopg2.Error as error:
        raise DisconnectionError from error


def has_unread_data(connection: psycopg.connection) -> bool:
    """Whether PostgreSQL has sent something unasked, which is hardly ever anything but its farewell."""
    socket = select.poll()
    socket.register(connection.fileno(), select.POLLIN)
    return bool(socket.poll(0))


def execute_with_settings(
    cursor: psycopg.cursor, statement: str, parameters: Any, context: ExecutionContext | None
) -> bool:
    """Send the first statement of a transaction together with what begins it: one round trip.

    The settings are the transaction's own, for a pooler like PgBouncer runs each transaction on whichever
    connection to the server is free: what SET leaves behind would miss some and find its way to strangers.
    """
    if cursor.connection.get_transaction_status() == psycopg.TRANSACTION_STATUS_IDLE:
        begin = context.execution_options.get("begin", "") if context else ""
        if begin != BARE:
            lock_seconds = deadlines.locks.seconds(deadlines.LOCK_SECONDS)
            statement = transaction_prologue(begin, lock_seconds) + statement
    cursor.execute(statement, parameters)
    return True


def transaction_prologue(begin: str, lock_seconds: float) -> str:
    """What PostgreSQL is told at the start of a transaction, or of a statement that is one of its own."""
    settings = {
        "lock_timeout": f"{lock_seconds * 1000:.0f}ms",
        "statement_timeout": f"{deadlines.STATEMENT_SECONDS}s",
        # Requests are many and small; and the parts of a UNION ALL stay in their order.
        "max_parallel_workers_per_gather": "0",
    }
    if begin:
        # What a process holds that froze, or whose host is gone, its user's next write waits for.
        settings["idle_in_transaction_session_timeout"] = f"{deadlines.IDLE_SECONDS}s"
    return begin + "".join(f"SET LOCAL {name}='{value}';" for name, value in settings.items())


def end_with(statement: str) -> Callable[[Connection], None]:
    """Send what the driver leaves out, for which in autocommit mode there are no transactions to end."""

    def end(connection: Connection) -> None:
        driver = None if connection.invalidated else connection.connection.driver_connection
        if driver and driver.get_transaction_status() != psycopg.TRANSACTION_STATUS_IDLE:
            connection.exec_driver_sql(statement)

    return end


def classify_error(context: ExceptionContext) -> None:
    """Tell SQLAlchemy and the circuit breaker what an error means beyond its own statement.

    With a connection that is lost SQLAlchemy drops the whole pool: after a failover, all of it leads to the
    old primary. A read waits for no row, so one that waited for a lock in vain shows that a whole table is
    locked.
    """
    error, execution = context.original_exception, context.execution_context
    if is_lost(error):
        context.is_disconnect = True
    elif isinstance(error, LockNotAvailable) and execution and "begin" not in execution.execution_options:
        deadlines.locks.open()


# ---- SQLite


def listen_to_sqlite(engine: Engine) -> None:
    event.listen(engine, "connect", configure_sqlite)
    if not is_in_memory(engine.url):
        SqliteFile().listen(engine)


def configure_sqlite(connection: SqliteConnection, _record: Any) -> None:
    """Give a new connection to SQLite its settings."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")  # readers and the writer do not block each other
    cursor.execute("PRAGMA synchronous = NORMAL")  # WAL stays consistent without a sync per commit
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
