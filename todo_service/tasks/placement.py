"""Placement: positions for the tasks that versions without an order by hand have made."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select, update

from todo_service.models import Task, User
from todo_service.tasks.positions import MIDDLE, OLDER

BATCH = 500  # tasks in one transaction: locks are short, and people write on between two
NEXT_USER = select(func.min(User.id)).where(User.id > bindparam("last"))
LOCK_USER = update(User).where(User.id == bindparam("user")).values(revision=User.revision)
UNPLACED = (
    select(Task.id, Task.created_at)
    .where(Task.user_id == bindparam("user"), Task.position == "")
    .limit(BATCH)
)
PLACE = update(Task).where(Task.user_id == bindparam("user"), Task.id == bindparam("task"))
LATEST = datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001  # UTC
COMPLEMENT = str.maketrans("0123456789abcdef", "fedcba9876543210")


def place_all(connection: Connection) -> int:
    """Give a position to every task that has none, newest first and below all that has one; return how many.

    Each transaction begins by locking its user, as every write does, and so runs into no deadlock with one.
    Whatever ends it halfway, it can be begun again.

    Args:
        connection: in autocommit mode.
    """
    placed, user = 0, ""
    while user := connection.execute(NEXT_USER, {"last": user}).scalar() or "":
        while batch := place_batch(connection, user):
            placed += batch
    return placed


def place_batch(connection: Connection, user: str) -> int:
    connection.exec_driver_sql("BEGIN")
    connection.execute(LOCK_USER, {"user": user})
    tasks = connection.execute(UNPLACED, {"user": user}).all()
    if tasks:
        connection.execute(
            PLACE, [{"user": user, "task": task.id, "position": by_age(*task)} for task in tasks]
        )
    connection.exec_driver_sql("COMMIT")
    return len(tasks)


def by_age(id: str, created_at: datetime) -> str:
    """A position by which the newest task comes first, as `created` sorts: of its moment, then its id."""
    microseconds = (LATEST - created_at) // timedelta(microseconds=1)
    return f"{OLDER}{microseconds:016x}{id.replace('-', '').translate(COMPLEMENT)}{MIDDLE}"
