"""Whether the database's schema is the one this code was written for, and bringing it there."""

import logging
import threading
import time
from pathlib import Path

from alembic import command
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from todo_service.config import Settings
from todo_service.database import reason
from todo_service.deadlines import LOCK_SECONDS
from todo_service.errors import Problem, unavailable
from todo_service.extensions import db, migrate

log = logging.getLogger(__name__)

ADVICE = "run `flask db upgrade` of this version"
MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


class Schema:
    """What one process knows of the schema: once seen to be current, it is not looked at again."""

    def __init__(self, auto_migrate: bool) -> None:
        self.auto_migrate = auto_migrate
        self.needed = ScriptDirectory(str(MIGRATIONS)).get_current_head()
        self.seen_current = False
        self.lock = threading.Lock()  # Alembic's context is one per process
        self.look_again_at = 0.0


def init_app(app: Flask, settings: Settings) -> None:
    migrate.init_app(app, db, directory=str(MIGRATIONS))
    app.extensions["schema"] = Schema(settings.auto_migrate)


def require_current() -> None:
    """Make sure that the schema is there before the first statement that needs it.

    With AUTO_MIGRATE it is upgraded when it is behind, also when the database was empty or away while
    the service started.

    Raises:
        Problem: 503, the schema is not what the code needs and may not or cannot be changed.
    """
    schema: Schema = current_app.extensions["schema"]
    if schema.seen_current:
        return
    # One request looks while the others wait, but not for long, and not each for a look of its own at
    # a database that does not answer: that would take every thread, also from those that need none.
    if schema.lock.acquire(timeout=LOCK_SECONDS):
        try:
            look(schema)
        finally:
            schema.lock.release()
    if not schema.seen_current:
        raise not_current()


def look(schema: Schema) -> None:
    """See whether the schema is current, and make it so if that is our task."""
    if schema.seen_current or time.monotonic() < schema.look_again_at:
        return
    started = time.monotonic()
    try:
        if not is_current() and schema.auto_migrate:
            upgrade()
        schema.seen_current = is_current()
    finally:  # what was in vain is not repeated for as long as it took
        ended = time.monotonic()
        schema.look_again_at = ended + (ended - started)
    if not schema.seen_current:
        log.error("The schema is at %s, needed is %s: %s", found(), schema.needed, ADVICE)


def not_current() -> Problem:
    return unavailable("The database is not ready: its schema is not the one this version needs.")


def prepare() -> None:
    """Look after the schema as the process starts, and never fail: the first request tries again."""
    try:
        require_current()
    except (SQLAlchemyError, Problem) as error:
        log.warning("Not ready yet: %s", reason(error))


def found() -> str | None:
    """The revision the database is at; None if it is empty."""
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def is_current() -> bool:
    schema: Schema = current_app.extensions["schema"]
    return found() == schema.needed


def upgrade() -> None:
    try:
        command.upgrade(current_app.extensions["migrate"].migrate.get_config(), "head")
    except CommandError as error:  # a revision of a later version, say
        log.error("The schema could not be upgraded: %s", error)
