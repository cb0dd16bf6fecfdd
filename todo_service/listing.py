"""Finding tasks: which, in which order, page by page (contract §5)."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, or_, select

from todo_service.cursors import seal, unseal
from todo_service.errors import invalid
from todo_service.models import SHOWN, Moment, Task, TaskRow, User
from todo_service.paging import Key, page
from todo_service.schemas import NAMES
from todo_service.statements import USER, Statement
from todo_service.transactions import Row

# What each sort key sorts by, and whether it is descending by nature.
SORTS = {
    "created": (Task.created_at, True),
    "updated": (Task.revision, True),  # of two changes the later has the higher revision
    "title": (Task.title_key, False),
    "due_date": (Task.due_date, False),
    "priority": (Task.priority, True),
}
NEWEST_FIRST = (Key(Task.created_at, descending=True), Key(Task.id, descending=True))

NUMBERS = {name or "none": number for number, name in NAMES.items()}

REVISION = select(User.revision).where(User.id == USER).scalar_subquery()
CURRENT_REVISION = Statement(select(func.coalesce(REVISION, 0)))


@dataclass(frozen=True)
class Shape:
    """What of a search makes its statement; the values it is about are parameters."""

    status: str
    priorities: tuple[str, ...] | None
    is_due_after: bool
    is_due_before: bool
    words: int
    sort: tuple[str, ...]
    order: tuple[str, ...]

    def conditions(self) -> list[ColumnElement[bool]]:
        found = [Task.user_id == USER]
        if self.status != "all":
            found.append(Task.completed == (self.status == "completed"))
        if self.priorities:
            found.append(or_(*(is_priority(one) for one in self.priorities)))
        if self.is_due_after:
            found.append(Task.due_date >= bindparam("due_after"))
        if self.is_due_before:
            found.append(Task.due_date < bindparam("due_before"))
        words = (f"word_{number}" for number in range(self.words))
        return found + [Task.search_text.like(bindparam(word), escape="/") for word in words]

    def keys(self) -> tuple[Key, ...]:
        """A total order: by the keys asked for, ties newest first."""
        keys: tuple[Key, ...] = ()
        for name, direction in zip_longest(self.sort, self.order):
            column, natural = SORTS[name]
            keys += (Key(column, natural if direction is None else direction == "desc"),)
            if name == "updated":  # no two tasks of a user agree in it
                return keys
            if name == "created":
                return (*keys, Key(Task.id, keys[-1].descending))
        return keys + NEWEST_FIRST

    def rows(self) -> Select[Any]:
        """The tasks, each with the revision of the whole list, so that one statement tells both."""
        return select(*SHOWN, REVISION.label("list_revision")).where(*self.conditions())


@lru_cache(1000)
def statement_for(shape: Shape, behind: tuple[bool, ...] | None) -> Statement:
    """The statement for a page that begins `behind` a row, of which it is known what keys have values."""
    keys = shape.keys()
    after = behind and [
        bindparam(f"after_{number}", type_=key.column.type) if has_value else None
        for number, (key, has_value) in enumerate(zip(keys, behind, strict=True))
    ]
    limit = bindparam("limit", type_=Integer)
    return Statement(page(shape.rows(), keys, after, limit))


@lru_cache(1000)
def count_for(shape: Shape) -> Statement:
    return Statement(select(func.count()).where(*shape.conditions()))


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

    @property
    def words(self) -> list[str]:
        return self.q.casefold().split()

    @property
    def shape(self) -> Shape:
        return Shape(
            status=self.status,
            priorities=tuple(sorted(self.priority)) if self.priority else None,
            is_due_after=self.due_after is not None,
            is_due_before=self.due_before is not None,
            words=len(self.words),
            sort=tuple(self.sort),
            order=tuple(self.order),
        )

    def values(self) -> dict[str, Any]:
        words = {f"word_{number}": containing(word) for number, word in enumerate(self.words)}
        given = {"user": self.user_id, "due_after": self.due_after, "due_before": self.due_before}
        return given | words


def is_priority(name: str) -> ColumnElement[bool]:
    number = NUMBERS[name]
    return Task.priority.is_(None) if number is None else Task.priority == number


def containing(word: str) -> str:
    """The LIKE pattern of texts that contain a word."""
    for special in "/%_":
        word = word.replace(special, f"/{special}")
    return f"%{word}%"


@dataclass(frozen=True)
class Page:
    """A part of the list; `next` is the cursor of the one behind it, if there is one."""

    tasks: Sequence[Row]
    next: str | None
    revision: int


def find(search: Search, limit: int, cursor: str | None) -> Page:
    """The page of at most `limit` tasks that begins at the cursor.

    Raises:
        Problem: 400, the cursor is not one of this search.
    """
    shape, values = search.shape, search.values()
    behind = None
    if cursor:
        after = position(cursor, search, shape.keys())
        behind = tuple(value is not None for value in after)
        values |= {f"after_{number}": value for number, value in enumerate(after)}
    found = statement_for(shape, behind).rows(**values, limit=limit + 1)
    tasks = found[:limit]
    more = len(found) > limit
    return Page(
        tasks,
        next=cursor_behind(TaskRow._make(tasks[-1][:-1]), search, shape.keys()) if more else None,
        revision=found[0][-1] if found else current_revision(search.user_id),
    )


def cursor_behind(task: TaskRow, search: Search, keys: Sequence[Key]) -> str:
    return seal([value(task, key) for key in keys], *astuple(search))


def position(cursor: str, search: Search, keys: Sequence[Key]) -> list[Any]:
    """The values of the row that the cursor stands behind."""
    try:
        values = unseal(cursor, *astuple(search))
    except ValueError:
        raise invalid({"cursor": ["Not a cursor of this list with these filters and this order."]}) from None
    return [
        datetime.fromisoformat(text) if text and isinstance(key.column.type, Moment) else text
        for key, text in zip(keys, values, strict=True)
    ]


def value(task: TaskRow, key: Key) -> Any:
    """A task's value of a key; of its case-folded title too, which is not read with it."""
    return task.title.casefold() if key.column is Task.title_key else getattr(task, key.column.key)


def count_of(search: Search) -> int:
    """How many tasks the search finds on all its pages."""
    return int(count_for(search.shape).value(**search.values()))


def current_revision(user_id: str) -> int:
    """The revision of all that a user has; 0 before the first write."""
    return int(CURRENT_REVISION.value(user=user_id))
