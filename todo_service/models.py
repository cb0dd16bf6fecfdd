"""The tables. The user leads every key, so that no statement can touch a task without naming its owner."""

from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
)
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import DateTime, TypeDecorator

from todo_service.extensions import metadata


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: in UTC and without a zone, in Python as in the database.

    A column with a zone would be read in the session's zone, which a pooler may change and which
    pushes dates near the years 1 and 9999 out of Python's range.
    """

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and to_utc(value)


def to_utc(moment: datetime) -> datetime:
    """A moment without a zone, which means UTC here and the server's own zone to Python."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


# A task's id: its canonical text everywhere, sixteen bytes on PostgreSQL.
Id = String(36).with_variant(UUID(as_uuid=False), "postgresql")
# Text that both databases order by code point.
CodePointText = String().with_variant(String(collation="C"), "postgresql")
UserId = String(255).with_variant(String(255, collation="C"), "postgresql")


class Model(DeclarativeBase):
    metadata = metadata


class User(Model):
    """Somebody who has written at least once.

    `revision` counts the user's writes. Each write raises it first and so holds the row until it
    commits: the order of revisions is the order of commits, and one user's writes never overlap.
    Deletions up to the revision `pruned_through` are no longer kept.
    """

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(UserId, primary_key=True)
    email: Mapped[str | None] = mapped_column(String(255))
    name: Mapped[str | None] = mapped_column(String(255))
    revision: Mapped[int] = mapped_column(BigInteger)
    pruned_through: Mapped[int] = mapped_column("forgotten", BigInteger, server_default="0")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Task(Model):
    """A task.

    It is due at the moment `due_date`; or on a day, if `due_day` agrees with that: both are then its
    midnight. A version that knows moments only leaves `due_day` alone, and what it writes is a moment.

    `title_key` is its title folded, by which titles are ordered; `search_text` its title and description
    folded, in which words are found (tasks/folding.py). Python folds all of Unicode and both databases'
    texts alike, which neither of them does.

    `tags` and `tag_keys` are lines of text (tasks/tags.py). `position` is the order by hand
    (tasks/positions.py); a version that knows none leaves it empty, until `flask refold` comes by.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint("length(title) BETWEEN 1 AND 200", name="title_length"),
        CheckConstraint("length(description) <= 1000", name="description_length"),
        CheckConstraint("priority BETWEEN 1 AND 3", name="priority_known"),
        CheckConstraint("completed = (completed_at IS NOT NULL)", name="completed_at_matches"),
        CheckConstraint("length(tags) <= 1019", name="tags_length"),
        CheckConstraint("CAST(due_day AS VARCHAR) LIKE '% 00:00:00%'", name="due_day_is_midnight"),
        # One for each order that is listed page by page, and two below.
        Index("ix_tasks_created", "user_id", "created_at", "id"),
        Index("ix_tasks_status", "user_id", "completed", "created_at", "id"),
        Index("ix_tasks_revision", "user_id", "revision"),
        Index(None, "id"),  # serves the one question across users: does this task exist at all?
    )

    user_id: Mapped[str] = mapped_column(UserId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    title_key: Mapped[str] = mapped_column(CodePointText)
    description: Mapped[str | None] = mapped_column(String(1000))
    search_text: Mapped[str] = mapped_column(Text)
    completed: Mapped[bool]
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    priority: Mapped[int | None] = mapped_column(SmallInteger)  # sorts; its names are the schemas' business
    due_date: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revision: Mapped[int] = mapped_column(BigInteger)
    due_day: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tags: Mapped[str] = mapped_column(Text, server_default="")
    tag_keys: Mapped[str] = mapped_column(Text, server_default="")
    position: Mapped[str] = mapped_column(CodePointText, server_default="")


IS_DUE_ON_A_DAY = Task.due_day == Task.due_date

# With ties newest first, as they are shown.
Index("ix_tasks_due", Task.user_id, Task.due_date, Task.created_at.desc(), Task.id.desc())
Index("ix_tasks_position", Task.user_id, Task.position, Task.created_at.desc(), Task.id.desc())
Index("ix_tasks_title", Task.user_id, Task.title_key, Task.created_at.desc(), Task.id.desc())


class Deletion(Model):
    """That a task was deleted, and in which write; nothing of its content."""

    __tablename__ = "deletions"
    __table_args__ = (
        Index("ix_deletions_revision", "user_id", "revision", "task_id"),
        Index("ix_deletions_deleted_at", "deleted_at"),
    )

    user_id: Mapped[str] = mapped_column(UserId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    task_id: Mapped[str] = mapped_column(Id, primary_key=True)
    revision: Mapped[int] = mapped_column(BigInteger)
    deleted_at: Mapped[datetime] = mapped_column(UtcDateTime)


class StoredResponse(Model):
    """The first answer to an `Idempotency-Key`, kept to be given again."""

    __tablename__ = "stored_responses"
    __table_args__ = (Index("ix_stored_responses_created_at", "created_at"),)

    user_id: Mapped[str] = mapped_column(UserId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(100), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    status: Mapped[int] = mapped_column(SmallInteger)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    etag: Mapped[str | None] = mapped_column(String(100))
    location: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Erasure(Model):
    """The highest revision of any account that was erased: one row, and nobody's. An incarnation that begins
    later begins behind it."""

    __tablename__ = "erasures"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    revision: Mapped[int] = mapped_column(BigInteger)


class TaskRow(NamedTuple):
    """What a client sees of a task, in that order, and so all that is ever read of one."""

    id: str
    user_id: str
    title: str
    description: str | None
    completed: bool
    completed_at: datetime | None
    priority: int | None
    due_date: datetime | None
    tags: str
    position: str
    created_at: datetime
    updated_at: datetime
    revision: int
    due_day: datetime | None  # is seen in `due_date`


TASK_COLUMNS = tuple(Task.__table__.c[name] for name in TaskRow._fields)


def due(task: Any) -> date | None:
    """When a task's row says that it is due: on a `date`, at a `datetime`, or not at all."""
    is_day = task.due_day and task.due_day == task.due_date
    due: date | None = task.due_day.date() if is_day else task.due_date
    return due
