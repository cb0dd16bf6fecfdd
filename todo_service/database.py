"""How the service holds its database: pool, settings, and deadlines that end every wait.

| wait for | at most |
|---|---|
| a connection to be made, or to show that it is alive after it lay idle | 3 s |
| a thread that is free, for what needs the database | 4 s |
| a connection of the pool | 5 s |
| a lock | 5 s |
| a statement, as the server counts | 10 s |
| an answer, should the server itself hang | 12 s |
| statements of one request, until none is begun any more | 15 s |
| our next statement, should we hang, as the server counts | 15 s |
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any, cast

import psycopg2
from flask import Flask, g, request
from psycopg2 import extensions as psycopg
from psycopg2.errors import LockNotAvailable
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from todo_service import metrics
from todo_service.config import Settings
from todo_service.extensions import db
from todo_service.pool import MeasuredPool
from todo_service.watchdog import Watchdog

CONNECT_SECONDS = 3
THREAD_SECONDS = 4  # less than for a lock, for which all threads may have waited meanwhile
POOL_SECONDS = 5
LOCK_SECONDS = 5
STATEMENT_SECONDS = 10
ANSWER_SECONDS = 12
REQUEST_SECONDS = 15
IDLE_SECONDS = 15
READY_AT = "todo_service.ready_at"  # in the environ: when the request was complete, by the monotonic clock
TRUSTED_SECONDS = 1  # that a connection may lie idle and is still taken for alive

UUID_AS_TEXT = psycopg.new_type((2950,), "UUID_AS_TEXT", psycopg2.STRING)

watchdog = Watchdog()
_patience = ContextVar("patience", default=ANSWER_SECONDS)


def init_app(app: Flask, settings: Settings) -> None:
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(settings)
    db.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "before_cursor_execute", require_time)
            event.listen(db.engine, "connect", on_connect_to_sqlite)
            if not is_in_memory(db.engine.url):
                event.listen(db.engine, "do_connect", keep_private)
        else:
            event.listen(db.engine, "connect", on_connect_to_postgresql)
            event.listen(db.engine, "checkout", on_checkout)
            event.listen(db.engine, "checkin", on_checkin)
            event.listen(db.engine, "begin", on_begin)
            event.listen(db.engine, "before_cursor_execute", require_answer)
            event.listen(db.engine, "after_cursor_execute", unwatch)
            event.listen(db.engine, "handle_error", unwatch)
    app.before_request(begin)
    metrics.pool_size.set(settings.threads)

    @app.teardown_appcontext
    def end_transaction(_error: BaseException | None) -> None:
        """End what the request only read. It has its answer, even if the database died since."""
        if db.session.registry.has():
            with suppress(DBAPIError):
                db.session.rollback()


def begin() -> None:
    """Note until when statements may begin: not at all, if the request had to wait too long for a thread. So
    what queued up while others waited for a lock in vain does not do so, too."""
    now = time.monotonic()
    has_waited = now - request.environ.get(READY_AT, now)
    g.deadline = now + REQUEST_SECONDS if has_waited < THREAD_SECONDS else now


def require_time(*_: Any) -> None:
    """Begin no further statement for a request that has taken too long: a batch has hundreds of them.

    Raises:
        TimeoutError: SQLAlchemy's, which becomes a 503 as that of the pool does.
    """
    if time.monotonic() > g.get("deadline", math.inf):
        raise PoolTimeout("the request has taken too long")


def engine_options(settings: Settings) -> dict[str, Any]:
    """A pool as large as the worker has threads: each request holds one connection at most."""
    quiet = {"hide_parameters": True}  # what people write has no place in logs and tracebacks
    if is_in_memory(settings.database_url):
        return quiet
    pool = {
        **quiet,
        "poolclass": MeasuredPool,
        "pool_size": settings.threads,
        "max_overflow": 0,
        "pool_timeout": POOL_SECONDS,
    }
    if settings.database_url.get_backend_name() == "sqlite":
        return {**pool, "connect_args": {"timeout": LOCK_SECONDS}}
    connect = {"connect_timeout": CONNECT_SECONDS}
    # No column is an hstore; a new connection need not ask which type that is. It is reset by `on_checkin`.
    return {**pool, "connect_args": connect, "use_native_hstore": False, "pool_reset_on_return": None}


def is_in_memory(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def keep_private(_dialect: Any, _record: Any, arguments: list[str], _options: Any) -> None:
    """Make a new SQLite file one that only its owner can read; what lies beside it takes after it."""
    with suppress(OSError):  # SQLite itself says what is wrong, and better
        Path(arguments[0]).touch(mode=0o600)


def on_connect_to_postgresql(connection: psycopg.connection, _record: Any) -> None:
    """Leave ids as text: nobody here computes with them, and a UUID object takes 2 µs to make."""
    psycopg.register_type(UUID_AS_TEXT, connection)


def on_connect_to_sqlite(connection: SqliteConnection, _record: Any) -> None:
    """Give a new connection to SQLite its settings."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")  # readers and the writer do not block each other
    cursor.execute("PRAGMA synchronous = NORMAL")  # WAL stays consistent without a sync per commit
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def on_checkout(connection: psycopg.connection, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """Notice whether a connection to PostgreSQL that has lain idle for a while is still alive.

    Raises:
        DisconnectionError: it is not; the pool then makes a new one.
    """
    if not connection.autocommit:
        connection.autocommit = True
    if time.monotonic() - record.info.get("returned_at", math.inf) > TRUSTED_SECONDS:
        try:
            with watched(connection, CONNECT_SECONDS), connection.cursor() as cursor:
                cursor.execute("SELECT")
        except psycopg2.Error as error:
            raise DisconnectionError from error


def on_checkin(connection: psycopg.connection | None, record: ConnectionPoolEntry) -> None:
    """Leave a connection without a transaction; most have none, and to roll back takes more than to look."""
    if connection is None:  # it was lost
        return
    if connection.get_transaction_status() != psycopg.TRANSACTION_STATUS_IDLE:
        with suppress(psycopg2.Error):
            connection.rollback()
    if connection.get_transaction_status() == psycopg.TRANSACTION_STATUS_IDLE:
        record.info["returned_at"] = time.monotonic()
    else:
        record.invalidate()


def on_begin(connection: Connection) -> None:
    """Give a transaction of SQLAlchemy's own its settings; those of statements.py bring them along."""
    driver = connection.connection.driver_connection
    assert driver
    driver.autocommit = False
    with translation(connection.engine, connection.connection), driver.cursor() as cursor:
        cursor.execute(b";".join(transaction_settings()))


@contextmanager
def translation(engine: Engine, connection: PoolProxiedConnection | None = None) -> Iterator[None]:
    """Raise SQLAlchemy's exceptions for the driver's; forget a connection that one shows to be lost."""
    try:
        yield
    except engine.dialect.loaded_dbapi.Error as error:
        raise translated(error, engine, connection) from error


def translated(
    error: Exception, engine: Engine, connection: PoolProxiedConnection | None = None
) -> DBAPIError:
    """SQLAlchemy's exception for one of the driver's; if that shows the connection to be lost, forget it."""
    dialect = engine.dialect
    lost = False
    if connection and dialect.is_disconnect(cast(Any, error), connection.dbapi_connection, None):
        engine.pool._invalidate(connection, error)  # and with it all that are no younger
        lost = True
    found = DBAPIError.instance(
        None,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=dialect,
    )
    return cast(DBAPIError, found)


def statement_settings() -> list[bytes]:
    """What PostgreSQL is to be told before a statement that is a transaction of its own.

    The settings are the transaction's own, for a pooler like PgBouncer runs each transaction on whichever
    connection to the server is free: what SET leaves behind would miss some and find its way to strangers.
    """
    return [
        b"SET LOCAL lock_timeout='%ds'" % LOCK_SECONDS,
        b"SET LOCAL statement_timeout='%ds'" % STATEMENT_SECONDS,
        # Requests are many and small; and the parts of a UNION ALL stay in their order.
        b"SET LOCAL max_parallel_workers_per_gather=0",
    ]


def transaction_settings() -> list[bytes]:
    """The same for a transaction that goes on. What a process holds that froze, or whose host is gone, its
    user's next write waits for."""
    return [*statement_settings(), b"SET LOCAL idle_in_transaction_session_timeout='%ds'" % IDLE_SECONDS]


def require_answer(_connection: Any, cursor: psycopg.cursor, *_: Any) -> None:
    """Wait for the answer to a statement of PostgreSQL's, but not too long, and only if it may begin."""
    require_time()
    watchdog.watch(cursor.connection, _patience.get())


def unwatch(*_: Any) -> None:
    watchdog.unwatch()


@contextmanager
def watched(connection: psycopg.connection, seconds: float = ANSWER_SECONDS) -> Iterator[None]:
    """Wait within this for answers on the connection, but no longer than that."""
    watchdog.watch(connection, seconds)
    try:
        yield
    finally:
        watchdog.unwatch()


@contextmanager
def patience(seconds: int) -> Iterator[None]:
    """Wait longer for answers: what a migration does may rightly take its time."""
    token = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(token)


def reason(error: BaseException) -> str:
    """What the database said, in one line, without statement or parameters."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.partition("\n")[0] or type(error).__name__


def is_lock_timeout(error: OperationalError) -> bool:
    """Whether the statement waited for somebody else's write until its time was up."""
    return isinstance(error.orig, LockNotAvailable) or "locked" in str(error.orig)


def is_unavailable(error: Exception) -> bool:
    """Whether an error says that the database cannot answer now, and not that we asked something wrong."""
    if isinstance(error, OperationalError | InterfaceError | InternalError | PoolTimeout):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated
