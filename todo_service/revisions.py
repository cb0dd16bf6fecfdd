"""A write begins by raising its user's counter: that orders, numbers and serialises the user's writes."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from flask import g
from sqlalchemy import String, bindparam, func, text, update
from sqlalchemy.exc import NotSupportedError

from todo_service.auth import caller
from todo_service.known_tokens import Caller
from todo_service.listing import current_revision
from todo_service.models import Moment, User, now
from todo_service.statements import USER, Statement
from todo_service.transactions import Row, current_transaction, this_transaction, transaction

P = ParamSpec("P")
R = TypeVar("R")

# One statement on both databases. The row's lock is held until the commit, so the user's next write
# waits here; a user's first two writes may race, and ON CONFLICT makes one of them the second.
RAISE = Statement(
    text(
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
)

# The same for a user who has written before, as a part of the statement that makes the one change: as one of
# its own, it might find nobody, and the change behind it somebody whose first write was just committed.
RAISE_AGAIN = (
    update(User)
    .where(User.id == USER)
    .values(
        revision=User.revision + 1,
        email=func.coalesce(bindparam("email", type_=String), User.email),
        name=func.coalesce(bindparam("name", type_=String), User.name),
    )
    .returning(User.revision)
)

# The first write of a life. ETags of an earlier life, which was erased, must match nothing in this one. This
# is a statement of its own, because it has to see what an erasure that the first one waited for has left.
BEGIN_LIFE = Statement(
    text(
        """
        UPDATE users SET revision = 1 + COALESCE((SELECT revision FROM erasures), 0)
        WHERE id = :id
        RETURNING revision
        """
    )
)
END = Statement(update(User).where(User.id == USER).values(revision=bindparam("last")))


class Write:
    """A write in progress: the moment it happens at, and a revision for each of its changes."""

    def __init__(self, user: Caller) -> None:
        self.user = user
        self.moment = now()
        self.changes = 0
        self.answer_kept = False
        self.raised = False
        self.known_first: int | None = None

    def begin(self) -> None:
        """Raise the counter, before anything else is done."""
        if not self.raised:
            self.raised = True
            self.learn(RAISE.value(**self.user_row()))

    def begin_with_next(self) -> None:
        """The same in one round trip with the next statement, if that tells the counter: `learn` it."""
        if not self.raised:
            self.raised = True
            RAISE.run(**self.user_row())

    def learn(self, raised_to: int) -> None:
        """Take in what the counter was raised to, which is the first change's revision."""
        if self.known_first is None:
            self.known_first = int(BEGIN_LIFE.value(id=self.user.id)) if raised_to == 1 else raised_to

    def at_once(self, change: Statement, **values: Any) -> Row | None:
        """Do all of this write by one statement, which raises the counter by `RAISE_AGAIN`.

        Returns:
            the row that the change returns. None if nothing was done: where it cannot be done so, or there
            was nothing to change, or nobody yet whose counter could be raised.
        """
        if self.raised or not this_transaction().on_postgresql:
            return None
        user = self.user
        values |= {"user": user.id, "email": user.email, "name": user.name, "now": self.moment}
        try:
            rows = this_transaction().at_once(*change.sent(values))
        except NotSupportedError:  # what speaks PostgreSQL's language may not know all of it
            return None
        return rows[0] if rows else None

    @property
    def first(self) -> int:
        """The revision of the first change."""
        self.begin()
        if self.known_first is None:
            self.learn(current_revision(self.user.id))
        return cast(int, self.known_first)

    def user_row(self) -> dict[str, Any]:
        user = self.user
        return {"id": user.id, "email": user.email, "name": user.name, "now": self.moment}

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
        with transaction() as it:
            g.write = write = Write(user)
            result = view(*args, **kwargs)
            if write.changes or write.answer_kept:
                if write.changes != 1:
                    END.run(user=user.id, last=write.revision - 1)
                it.commit()
        return result

    return written


def current_write() -> Write | None:
    return this_write() if current_transaction() else None


def this_write() -> Write:
    write: Write = g.write
    return write
