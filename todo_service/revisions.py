"""A write begins by raising its user's counter: that orders, numbers and serialises the user's writes."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from flask import g
from sqlalchemy import bindparam, text, update

from todo_service.auth import Caller, caller
from todo_service.extensions import db
from todo_service.models import Moment, User
from todo_service.turns import turn

P = ParamSpec("P")
R = TypeVar("R")

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


# The first write of a life. ETags of an earlier life, which was erased, must match nothing in this one. This
# is a statement of its own, because it has to see what an erasure that the first one waited for has left.
BEGIN_LIFE = text(
    """
    UPDATE users SET revision = 1 + COALESCE((SELECT revision FROM erasures), 0)
    WHERE id = :id
    RETURNING revision
    """
)


class Write:
    """A write in progress: the moment it happens at, and a revision for each of its changes."""

    def __init__(self, user: Caller) -> None:
        self.moment = datetime.now(UTC)
        row = {"id": user.id, "email": user.email, "name": user.name, "now": self.moment}
        self.first = int(db.session.execute(RAISE, row).scalar_one())
        if self.first == 1:
            self.first = int(db.session.execute(BEGIN_LIFE, {"id": user.id}).scalar_one())
        self.changes = 0
        self.answer_kept = False

    @property
    def revision(self) -> int:
        """What the next change must carry."""
        return self.first + self.changes

    def next_revision(self) -> int:
        """Take a revision for one change."""
        self.changes += 1
        return self.revision - 1


def writes(view: Callable[P, R]) -> Callable[P, R]:
    """Run the view as one write of the current user's, in one transaction.

    Whatever the view raises, nothing is committed. A view that changes nothing raises no revision either,
    not even where its answer is kept for an `Idempotency-Key`.
    """

    @wraps(view)
    def written(*args: P.args, **kwargs: P.kwargs) -> R:
        user = caller()
        with turn():
            g.write = write = Write(user)
            result = view(*args, **kwargs)
            if write.changes == 0 and not write.answer_kept:
                db.session.rollback()
                return result
            if write.changes != 1:
                raised = update(User).where(User.id == user.id).values(revision=write.revision - 1)
                db.session.execute(raised)
            db.session.commit()
        return result

    return written


def this_write() -> Write:
    return cast(Write, g.write)
