"""A write begins by raising its user's counter: that orders, numbers and serialises the user's writes."""

from datetime import UTC, datetime

from sqlalchemy import bindparam, text

from todo_service.auth import caller
from todo_service.extensions import db
from todo_service.models import Moment

# One statement on both databases. The row's lock is held until the commit, so the user's next write
# waits here; a user's first two writes may race, and ON CONFLICT makes one of them the second.
RAISE = text(
    """
    INSERT INTO users (id, email, name, revision, created_at)
    VALUES (:id, :email, :name, 1, :now)
    ON CONFLICT (id) DO UPDATE SET
        revision = users.revision + 1,
        email = COALESCE(excluded.email, users.email),
        name = COALESCE(excluded.name, users.name)
    RETURNING revision
    """
).bindparams(bindparam("now", type_=Moment()))


def begin_write() -> int:
    """Start a write of the current user's; return the revision that what it changes must carry."""
    user = caller()
    row = {"id": user.id, "email": user.email, "name": user.name, "now": now()}
    return int(db.session.execute(RAISE, row).scalar_one())


def abandon_write() -> None:
    """End a write that turned out to change nothing, so that it raises nothing either."""
    db.session.rollback()


def now() -> datetime:
    return datetime.now(UTC)
