"""Revisions: each write raises its user's counter first, which orders, numbers and serialises them."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import g
from sqlalchemy import bindparam, text, update

from todo_service.auth.current_user import CurrentUser, current_user
from todo_service.db.transactions import USER, execute, fetch_value, transaction
from todo_service.models import User, UtcDateTime, utc_now

# One statement on both databases. The row's lock is held until the commit, so the user's next write
# waits here; a user's first two writes may race, and ON CONFLICT makes one of them the second.
BUMP = text(
    """
    INSERT INTO users (id, email, name, revision, created_at)
    VALUES (:id, :email, :name, 1, :now)
    ON CONFLICT (id) DO UPDATE SET
        revision = users.revision + 1,
        email = COALESCE(excluded.email, users.email),
        name = COALESCE(excluded.name, users.name)
    RETURNING revision
    """
).bindparams(bindparam("now", type_=UtcDateTime()))

# The first write of an incarnation. ETags of the one before, which was erased, must match nothing in this
# one, not even if the first write changes nothing and so leaves the counter one lower. This is a statement of
# its own, because it has to see what an erasure that the first one waited for has left.
BEGIN_INCARNATION = text(
    """
    UPDATE users SET revision = COALESCE((SELECT revision + 2 FROM erasures), 1)
    WHERE id = :id
    RETURNING revision
    """
)
SET_REVISION = update(User).where(User.id == USER).values(revision=bindparam("last"))


class UnitOfWork:
    """A write in progress: the moment it happens at, and a revision for each of its changes.

    Attributes:
        moment: of all its changes; naive, in UTC.
        revision: what the next change must carry.
        is_worth_committing: whether anything was changed, or has to be kept for another reason.
    """

    def __init__(self, user: CurrentUser) -> None:
        self.user = user
        self.moment = utc_now()
        self.bumped_to = self.revision = bump_revision(user, self.moment)
        self.is_worth_committing = False

    def next_revision(self) -> int:
        """Take a revision for one change."""
        self.is_worth_committing = True
        self.revision += 1
        return self.revision - 1

    def set_revision(self) -> None:
        """Leave the counter at the last revision that was taken."""
        if self.revision != self.bumped_to + 1:
            execute(SET_REVISION, user=self.user.id, last=self.revision - 1)


def bump_revision(user: CurrentUser, moment: object) -> int:
    """Raise the user's counter, which locks the user's row, and makes it at the first write."""
    revision: int = fetch_value(BUMP, id=user.id, email=user.email, name=user.name, now=moment)
    return fetch_value(BEGIN_INCARNATION, id=user.id) if revision == 1 else revision


@contextmanager
def unit_of_work() -> Iterator[None]:
    """One write of the current user's, in one transaction.

    Whatever is raised within, nothing is committed. What changes nothing raises no revision either, not even
    where its answer is kept for an `Idempotency-Key`.
    """
    with transaction() as connection:
        g.work = work = UnitOfWork(current_user())
        yield
        if work.is_worth_committing:
            work.set_revision()
            connection.commit()


def current_work() -> UnitOfWork:
    work: UnitOfWork = g.work
    return work
