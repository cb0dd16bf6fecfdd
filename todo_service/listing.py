"""Finding tasks: which, and in which order (contract §5)."""

from itertools import zip_longest
from typing import Any

from sqlalchemy import ColumnElement, Select, nulls_last, select
from sqlalchemy.orm import InstrumentedAttribute

from todo_service.models import SHOWN, Task

# What each sort key sorts by, and the direction it takes by nature.
KEYS: dict[str, tuple[InstrumentedAttribute[Any], str]] = {
    "created": (Task.created_at, "desc"),
    "updated": (Task.updated_at, "desc"),
    "title": (Task.title_key, "asc"),
    "due_date": (Task.due_date, "asc"),
    "priority": (Task.priority, "desc"),
}


def tasks_of(user_id: str, status: str, sort: list[str], order: list[str]) -> Select[Any]:
    """The statement that lists a user's tasks; `order` may be shorter than `sort`."""
    statement = select(*SHOWN).where(Task.user_id == user_id)
    if status != "all":
        statement = statement.where(Task.completed == (status == "completed"))
    return statement.order_by(*ordering(sort, order))


def ordering(sort: list[str], order: list[str]) -> list[ColumnElement[Any]]:
    """A total order: by the keys asked for, ties newest first, tasks without a value last."""
    columns: list[ColumnElement[Any]] = []
    latest = "desc"
    for key, asked in zip_longest(sort, order):
        column, natural = KEYS[key]
        direction = asked or natural
        columns.append(directed(column, direction, nullable=column.nullable))
        if key == "created":
            latest = direction
            break  # nothing behind it can decide
    else:
        columns.append(directed(Task.created_at, latest))
    return [*columns, directed(Task.id, latest)]


def directed(
    column: InstrumentedAttribute[Any], direction: str, *, nullable: bool = False
) -> ColumnElement[Any]:
    ordered = column.asc() if direction == "asc" else column.desc()
    return nulls_last(ordered) if nullable else ordered
