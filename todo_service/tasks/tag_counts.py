"""Counting tags: how many tasks have each (contract §6)."""

from typing import Any

from sqlalchemy import func, select

from todo_service.auth.current_user import current_user
from todo_service.db.transactions import USER, fetch
from todo_service.models import Task
from todo_service.tasks.tags import split

# A row for all tasks with the same tags, of which there are few kinds.
COUNTS = (
    select(
        Task.tags,
        func.count().label("tasks"),
        func.count().filter(~Task.completed).label("pending"),
        func.max(Task.revision).label("newest"),
    )
    .where(Task.user_id == USER, Task.tags != "")
    .group_by(Task.tags)
)


def count_tags() -> list[dict[str, Any]]:
    """The current user's tags by their folded names; of several spellings the one that was written last."""
    counts: dict[str, dict[str, Any]] = {}
    for row in sorted(fetch(COUNTS, user=current_user().id), key=lambda row: row.newest):
        for tag in split(row.tags):
            count = counts.setdefault(tag.casefold(), {"tasks": 0, "pending": 0})
            count["tag"] = tag
            count["tasks"] += row.tasks
            count["pending"] += row.pending
    return [count for _, count in sorted(counts.items())]
