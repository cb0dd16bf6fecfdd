"""How migrations run: in one transaction, one process at a time, on either database."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from flask import current_app
from sqlalchemy import Connection
from sqlalchemy.engine import Engine

from todo_service.db import deadlines

WAIT_SECONDS = 300  # for another process that is migrating already
LONGEST_SECONDS = 3600  # for a single step
LOCK_ID = 7_030_111_405  # any number that is ours alone

target = current_app.extensions["migrate"]


@contextmanager
def alone(connection: Connection) -> Iterator[None]:
    """Begin, and let nobody else migrate until the end of the transaction.

    Whoever waited here then finds the schema up to date and does nothing. The pool gets its connection
    back as it was, whatever becomes of the migration: no request may ever wait for as long.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {deadlines.LOCK_SECONDS * 1000}")
        return
    # What PostgreSQL is told here ends with the transaction.
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK_ID})")
    # A table that is in use must not make all its other users queue behind us.
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{deadlines.LOCK_SECONDS}s'")
    yield


def leave_out_empty(_context: MigrationContext, _revision: object, scripts: list[MigrationScript]) -> None:
    """Have `flask db migrate` write nothing where it finds nothing, as Flask-Migrate's own `env.py` does."""
    found = scripts[0].upgrade_ops
    if getattr(context.config.cmd_opts, "autogenerate", False) and found and found.is_empty():
        scripts.clear()


def run_online(engine: Engine) -> None:
    # The transaction that a migration is: the engine's own connections know none.
    level = "SERIALIZABLE" if engine.dialect.name == "sqlite" else "READ COMMITTED"
    migrating = engine.execution_options(isolation_level=level)
    with deadlines.limit(LONGEST_SECONDS), migrating.connect() as connection, alone(connection):
        context.configure(
            connection=connection,
            target_metadata=target.db.metadata,
            transactional_ddl=True,
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
