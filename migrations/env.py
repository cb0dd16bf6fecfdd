"""How migrations run: each in a transaction, one process at a time, on either database."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from alembic import context
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from flask import current_app
from sqlalchemy import Connection, NullPool, create_engine, event
from sqlalchemy.engine import Engine

from todo_service.db import deadlines

WAIT_SECONDS = 300  # for another process that is migrating already
PAUSE_SECONDS = 0.2  # between two looks whether it has ended
LONGEST_SECONDS = 3600  # for a single step
MAIN_FILE = "SELECT file FROM pragma_database_list WHERE name = 'main'"
LOCK_ID = 7_030_111_405  # any number that is ours alone

target = current_app.extensions["migrate"]


@contextmanager
def alone(engine: Engine) -> Iterator[None]:
    """Let nobody else migrate meanwhile; who waited here then finds the schema up to date and does nothing.

    What holds the lock is not what migrates, for a step may commit in between. It ends with the process, if
    not before, and is no session's, which a pooler would give to others.
    """
    if engine.dialect.name == "sqlite":
        # Not the file: to close it, opened beside SQLite, would end the locks that SQLite has on it.
        with engine.connect() as connection:
            file = connection.exec_driver_sql(MAIN_FILE).scalar_one()
        directory = os.open(Path(file).parent, os.O_RDONLY)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory)
        return
    beside = create_engine(engine.url, poolclass=NullPool)
    deadline = time.monotonic() + WAIT_SECONDS
    # Who waits holds no connection meanwhile: a pooler may have none to spare for who migrates.
    while time.monotonic() < deadline:
        with beside.connect() as connection:
            for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
                connection.exec_driver_sql(f"SET LOCAL {name} = 0")
            if connection.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({LOCK_ID})").scalar_one():
                yield
                return
        time.sleep(PAUSE_SECONDS)
    raise TimeoutError(f"another process has been migrating for {WAIT_SECONDS} s")


@contextmanager
def patient(connection: Connection) -> Iterator[None]:
    """Wait longer for SQLite's other writers.

    The pool gets its connection back as it was, whatever becomes of the migration: no request may ever wait
    for as long.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = cast(Any, connection.connection.driver_connection)
    try:
        driver.execute(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}")
        yield
    finally:
        driver.execute(f"PRAGMA busy_timeout = {deadlines.LOCK_SECONDS * 1000}")


def begin(connection: Connection) -> None:
    """Begin the transaction that a step is; there is none in an autocommit block."""
    if connection.get_execution_options()["isolation_level"] == "AUTOCOMMIT":
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    # A table that is in use must not make all its other users queue behind us.
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{deadlines.LOCK_SECONDS}s'")


def leave_out_empty(_context: MigrationContext, _revision: object, scripts: list[MigrationScript]) -> None:
    """Have `flask db migrate` write nothing where it finds nothing, as Flask-Migrate's own `env.py` does."""
    found = scripts[0].upgrade_ops
    if getattr(context.config.cmd_opts, "autogenerate", False) and found and found.is_empty():
        scripts.clear()


def run_online(engine: Engine) -> None:
    # The transactions that steps are: the engine's own connections know none.
    level = "SERIALIZABLE" if engine.dialect.name == "sqlite" else "READ COMMITTED"
    migrating = engine.execution_options(isolation_level=level)
    event.listen(migrating, "begin", begin)
    with (
        deadlines.answer_within(LONGEST_SECONDS),
        alone(engine),
        migrating.connect() as connection,
        patient(connection),
    ):
        context.configure(
            connection=connection,
            target_metadata=target.db.metadata,
            transactional_ddl=True,
            transaction_per_migration=True,
            process_revision_directives=leave_out_empty,
            **target.configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


def run_offline(engine: Engine) -> None:
    """Print the SQL, for those whose administrators run it."""
    context.configure(
        dialect_name=engine.dialect.name, target_metadata=target.db.metadata, literal_binds=True
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    run_offline(target.db.engine)
else:
    run_online(target.db.engine)
