"""Whether the database's schema is the one this code was written for, and bringing it there."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock, Thread

from alembic import command
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import Flask, current_app
from psycopg2.errors import InsufficientPrivilege, InvalidSchemaName
from sqlalchemy import false, select, update
from sqlalchemy.exc import SQLAlchemyError

from todo_service.config import Settings
from todo_service.db.availability import OTHER_SCHEMA, UNAVAILABLE, NotReady, reason, unavailability
from todo_service.db.deadlines import LOCK_SECONDS
from todo_service.db.engine import WRITE
from todo_service.db.transactions import begin, write_lock
from todo_service.extensions import db, metadata, migrate
from todo_service.models import Erasure
from todo_service.ops.log_exceptions import chain

log = logging.getLogger(__name__)

RETRY_SECONDS = 2  # until a database that answered, but is not as it must be, is looked at again
MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"

UPGRADE = "run `flask db upgrade` of this version, on a database of its own"
GRANTS = """have its owner run GRANT {schema} ON SCHEMA public TO {role}; \
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};"""


class Schema:
    """What one process knows of the schema: once seen to be current, requests look no more.

    Attributes:
        problem: what was wrong at the last look, in a sentence for clients.
        told: what the log has heard of that, and need not hear again.
    """

    def __init__(self, app: Flask, auto_migrate: bool) -> None:
        self.app = app
        self.auto_migrate = auto_migrate
        self.needed = ScriptDirectory(str(MIGRATIONS)).get_current_head()
        self.is_current = False
        self.problem: str | None = OTHER_SCHEMA
        self.logged: str | None = None
        self.lock = Lock()
        self.thread = Thread()
        self.next_check_at = 0.0

    def start_check(self) -> Thread:
        """See whether the schema is current, and make it so if that is our task: in a thread, for it may take
        an hour, and one at a time. If the last look was just now, this is what it was done by."""
        with self.lock:
            if not self.thread.is_alive() and time.monotonic() > self.next_check_at:
                self.thread = Thread(target=self.check_in_context, daemon=True)
                self.thread.start()
            return self.thread

    def check_in_context(self) -> None:
        started = time.monotonic()
        try:
            with self.app.app_context():
                self.problem = run_check(upgrade if self.auto_migrate else require_version)
        except Exception:  # that of a migration, say: nobody waits for this thread to tell
            log.exception("The schema could not be looked after")
            self.problem = OTHER_SCHEMA
        self.is_current = self.problem is None
        # What was in vain is not repeated for as long as it took; what was refused is not granted at once.
        ended = time.monotonic()
        pause = 0 if self.problem == UNAVAILABLE else RETRY_SECONDS
        self.next_check_at = ended + max(pause, ended - started)


def init_app(app: Flask, settings: Settings) -> None:
    # Alembic interpolates its options (https://alembic.sqlalchemy.org/en/latest/api/config.html).
    migrate.init_app(app, db, directory=str(MIGRATIONS).replace("%", "%%"))
    app.extensions["schema"] = Schema(app, settings.auto_migrate)


def this_schema() -> Schema:
    schema: Schema = current_app.extensions["schema"]
    return schema


def require_current(wait: float | None = LOCK_SECONDS) -> None:
    """Make sure that the schema is there before the first statement that needs it.

    With AUTO_MIGRATE it is upgraded when it is behind, also when the database was empty or away while
    the service started. It is not made anew when it vanishes later: somebody has to see that.

    Args:
        wait: for how many seconds; None: until that is done.

    Raises:
        NotReady: the schema is not what the code needs and may not, cannot or could not yet be changed.
    """
    schema = this_schema()
    if not schema.is_current:
        schema.start_check().join(wait)
    if not schema.is_current:
        raise NotReady(schema.problem or OTHER_SCHEMA)


# ---- checks: they raise CommandError if the schema is not as it must be, and DBAPIError as the database does


def database_revision() -> str | None:
    """The revision the database is at; None if it is empty."""
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def require_version() -> None:
    needed, at = this_schema().needed, database_revision()
    if at != needed:
        raise CommandError(f"the schema is at {at}, needed is {needed}")


def upgrade() -> None:
    if database_revision() != this_schema().needed:
        try:
            command.upgrade(current_app.extensions["migrate"].migrate.get_config(), "head")
        except SQLAlchemyError as error:
            raise CommandError(reason(error)) from error


def require_writable() -> None:
    """See that all tables and columns are there, and can be written. Locks no row, and writes nothing."""
    require_version()
    with write_lock() as deadline, db.engine.connect() as connection:
        begin(connection, WRITE, deadline)
        for table in metadata.sorted_tables:
            connection.execute(select(table).where(false()).with_for_update())
        connection.execute(update(Erasure).values(revision=0).where(false()))  # SQLite knows no FOR UPDATE


def run_check(check: Callable[[], None]) -> str | None:
    """What a check finds wrong, in a sentence for clients. The log hears once what it is, and what helps."""
    schema, problem, logged = this_schema(), None, None
    try:
        check()
    except (SQLAlchemyError, CommandError) as error:
        problem, logged = unavailability(error) or OTHER_SCHEMA, reason(error) + advice(error)
    if logged and logged != schema.logged:
        log.warning("Not ready: %s", logged)
    schema.logged = logged
    return problem


def advice(error: SQLAlchemyError | CommandError) -> str:
    if any(isinstance(cause, InsufficientPrivilege | InvalidSchemaName) for cause in chain(error)):
        rights = "USAGE, CREATE" if this_schema().auto_migrate else "USAGE"
        return f": {GRANTS.format(schema=rights, role=db.engine.url.username or 'the service')}"
    return f": {UPGRADE}" if isinstance(error, CommandError) else ""
