"""Finding tasks: which, in which order, page by page (contract §5)."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, or_, select

from todo_service.cursors import seal, unseal
from todo_service.errors import invalid
from todo_service.extensions import db
from todo_service.models import SHOWN, Moment, Task, User
from todo_service.paging import Key, page

# What each sort key sorts by, and whether it is descending by nature.
SORTS = {
    "created": (Task.created_at, True),
    "updated": (Task.revision, True),  # of two changes the later has the higher revision
    "title": (Task.title_key, False),
    "due_date": (Task.due_date, False),
    "priority": (Task.priority, True),
}
NEWEST_FIRST = [Key(Task.created_at, descending=True), Key(Task.id, descending=True)]


@dataclass(frozen=True, kw_only=True)
class Search:
    """Which tasks of which user, in which order; not which page of them."""

    user_id: str
    status: str
    sort: list[str]
    order: list[str]
    priority: list[str] | None
    due_after: datetime | None
    due_before: datetime | None
    q: str

    def conditions(self) -> list[ColumnElement[bool]]:
        found = [Task.user_id == self.user_id]
        if self.status != "all":
            found.append(Task.completed == (self.status == "completed"))
        if self.priority:
            named = Task.priority.in_([one for one in self.priority if one != "none"])
            found.append(or_(named, Task.priority.is_(None)) if "none" in self.priority else named)
        if self.due_after:
            found.append(Task.due_date >= self.due_after)
        if self.due_before:
            found.append(Task.due_date < self.due_before)
        words = self.q.casefold().split()
        return found + [Task.search_text.contains(word, autoescape=True) for word in words]

    def keys(self) -> list[Key]:
        """A total order: by the keys asked for, ties newest first."""
        keys: list[Key] = []
        for name, direction in zip_longest(self.sort, self.order):
            column, natural = SORTS[name]
            keys.append(Key(column, natural if direction is None else direction == "desc"))
            if name == "updated":  # no two tasks of a user agree in it
                return keys
            if name == "created":
                return [*keys, Key(Task.id, keys[-1].descending)]
        return keys + NEWEST_FIRST

    def rows(self) -> Select[Any]:
        """The tasks, each with the revision of the whole list, so that one statement tells both."""
        return select(*SHOWN, revision_of(self.user_id).label("list_revision")).where(*self.conditions())


@dataclass(frozen=True)
class Page:
    """A part of the list; `next` is the cursor of the one behind it, if there is one."""

    tasks: Sequence[Row[Any]]
    next: str | None
    revision: int


def find(search: Search, limit: int, cursor: str | None) -> Page:
    """The page of at most `limit` tasks that begins at the cursor.

    Raises:
        Problem: 400, the cursor is not one of this search.
    """
    keys = search.keys()
    after = position(cursor, search, keys) if cursor else None
    found = db.session.execute(page(search.rows(), keys, after, limit + 1)).all()
    tasks = found[:limit]
    more = len(found) > limit
    return Page(
        tasks,
        next=seal([value(tasks[-1], key) for key in keys], *astuple(search)) if more else None,
        revision=found[0].list_revision if found else current_revision(search.user_id),
    )


def position(cursor: str, search: Search, keys: list[Key]) -> list[Any]:
    """The values of the row that the cursor stands behind."""
    try:
        values = unseal(cursor, *astuple(search))
    except ValueError:
        raise invalid({"cursor": ["Not a cursor of this list with these filters and this order."]}) from None
    return [
        datetime.fromisoformat(text) if text and isinstance(key.column.type, Moment) else text
        for key, text in zip(keys, values, strict=True)
    ]


def value(task: Row[Any], key: Key) -> Any:
    """A task's value of a key; of its case-folded title too, which is not read with it."""
    return task.title.casefold() if key.column is Task.title_key else getattr(task, key.column.key)


def count_of(search: Search) -> int:
    """How many tasks the search finds on all its pages."""
    return int(db.session.execute(select(func.count()).where(*search.conditions())).scalar_one())


def current_revision(user_id: str) -> int:
    """The revision of all that a user has; 0 before the first write."""
    return int(db.session.execute(select(func.coalesce(revision_of(user_id), 0))).scalar_one())


def revision_of(user_id: str) -> Any:
    return select(User.revision).where(User.id == user_id).scalar_subquery()
