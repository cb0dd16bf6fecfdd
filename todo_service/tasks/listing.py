"""Listing tasks: filters, sort orders and keyset pages (contract §5)."""

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from functools import lru_cache
from itertools import zip_longest
from operator import ge, lt
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    cast,
    func,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.sql.selectable import CompoundSelect

from todo_service.api.cursors import CursorSchema, decode, encode
from todo_service.api.fields import PRIORITY_NAMES
from todo_service.api.paging import Key, pages
from todo_service.api.problems import invalid
from todo_service.db.transactions import USER, AnyRow, fetch, fetch_value
from todo_service.models import IS_DUE_ON_A_DAY, TASK_COLUMNS, Task, TaskRow, User, UtcDateTime, to_utc
from todo_service.tasks.folding import fold, title_key
from todo_service.tasks.tags import tag_keys

Compare = Callable[[Any, Any], Any]

# What each sort key sorts by, and whether it is descending by nature.
SORTS = {
    "created": (Task.created_at, True),
    "updated": (Task.revision, True),  # of two changes the later has the higher revision
    "title": (Task.title_key, False),
    "due_date": (Task.due_date, False),
    "priority": (Task.priority, True),
    "position": (Task.position, False),
}
NEWEST_FIRST = (Key(Task.created_at, descending=True), Key(Task.id, descending=True))

NUMBERS = {name or "none": number for number, name in PRIORITY_NAMES.items()}

CURRENT_REVISION = select(User.revision).where(User.id == USER)


NO_TOTAL = cast(null(), Integer).label("total")
HEAD = {"user_id": User.id.label("user_id"), "revision": User.revision}  # the list's, in a task's columns


@dataclass(frozen=True)
class Shape:
    """What of a search makes its statement; the values it is about are parameters."""

    status: str
    priorities: tuple[str, ...] | None
    is_due_after: bool
    is_due_before: bool
    words: int
    tags: int
    sort: tuple[str, ...]
    order: tuple[str, ...]

    def conditions(self) -> list[ColumnElement[bool]]:
        found = [Task.user_id == USER]
        if self.status != "all":
            found.append(Task.completed == (self.status == "completed"))
        if self.priorities:
            found.append(or_(*(is_priority(one) for one in self.priorities)))
        if self.is_due_after:
            found.append(is_due(ge, "due_after"))
        if self.is_due_before:
            found.append(is_due(lt, "due_before"))
        if self.tags:
            tags = (f"tag_{number}" for number in range(self.tags))
            found.append(or_(*(has_tag(bindparam(tag)) for tag in tags)))
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
        return select(*TASK_COLUMNS, NO_TOTAL).where(*self.conditions())

    def head(self, *, counts: bool) -> Select[Any]:
        """A row before all tasks, in their columns: the revision of the whole list and, if that is to be
        counted, how many tasks the search finds on all its pages."""
        total = select(func.count()).select_from(Task).where(*self.conditions()).scalar_subquery()
        return select(
            *(HEAD.get(column.name, cast(null(), column.type).label(column.name)) for column in TASK_COLUMNS),
            total.label("total") if counts else NO_TOTAL,
        ).where(User.id == USER)


@lru_cache(1000)
def statement_for(shape: Shape, behind: tuple[bool, ...] | None, *, counts: bool) -> CompoundSelect[Any]:
    """The statement for a page that begins `behind` a row, of which it is known what keys have values.

    It is one, and so of one moment: a page and a revision that were read one after the other would not
    belong together, and who kept the two would be told forever that nothing has changed.
    """
    keys = shape.keys()
    after = behind and [
        bindparam(f"after_{number}", type_=key.column.type) if has_value else None
        for number, (key, has_value) in enumerate(zip(keys, behind, strict=True))
    ]
    parts = pages(shape.rows(), keys, after, bindparam("limit", type_=Integer))
    head = shape.head(counts=counts)
    return union_all(head, *(select(part.subquery()) for part in parts)).limit(
        bindparam("limit", type_=Integer) + 1
    )


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
    tag: list[str] | None = None

    @property
    def words(self) -> list[str]:
        return [fold(word) for word in self.q.split()]

    @property
    def shape(self) -> Shape:
        return Shape(
            status=self.status,
            priorities=tuple(sorted(self.priority)) if self.priority else None,
            is_due_after=self.due_after is not None,
            is_due_before=self.due_before is not None,
            words=len(self.words),
            tags=len(self.tag or ()),
            sort=tuple(self.sort),
            order=tuple(self.order),
        )

    @property
    def binding(self) -> tuple[Any, ...]:
        """What cursors of this search are bound to. Its form outlives a deploy: what came later is left out
        where it is not used."""
        *binding, tag = astuple(self)
        return (*binding, tag) if tag else tuple(binding)

    def values(self) -> dict[str, Any]:
        words = {f"word_{number}": containing(word) for number, word in enumerate(self.words)}
        dues = due_values("due_after", self.due_after, min) | due_values("due_before", self.due_before, max)
        tags = {f"tag_{number}": tag_keys(tag) for number, tag in enumerate(self.tag or ())}
        return {"user": self.user_id, **words, **dues, **tags}


def is_priority(name: str) -> ColumnElement[bool]:
    number = NUMBERS[name]
    return Task.priority.is_(None) if number is None else Task.priority == number


def has_tag(key: Any) -> ColumnElement[bool]:
    """Whether a task has the tag of this key. Not by LIKE, which takes PostgreSQL six times as long."""
    return func.replace(Task.tag_keys, key, "") != Task.tag_keys


def is_due(compare: Compare, bound: str) -> ColumnElement[bool]:
    """Whether a task is due on one side of a bound: a day by the bound's clock, a moment by the moment it is.

    The first condition says less than the second; it is there for being one range of an index.
    """
    moment, clock, outer = (
        bindparam(name, type_=UtcDateTime()) for name in (bound, f"{bound}_clock", f"{bound}_outer")
    )
    return and_(
        compare(Task.due_date, outer), compare(Task.due_date, case((IS_DUE_ON_A_DAY, clock), else_=moment))
    )


def due_values(bound: str, due: datetime | None, outer: Callable[..., datetime]) -> dict[str, datetime]:
    """The values of `is_due`; `outer` of moment and clock says which of them more tasks meet."""
    if due is None:
        return {}
    moment, clock = to_utc(due), due.replace(tzinfo=None)
    return {bound: moment, f"{bound}_clock": clock, f"{bound}_outer": outer(moment, clock)}


def containing(word: str) -> str:
    """The LIKE pattern of texts that contain a word."""
    for special in "/%_":
        word = word.replace(special, f"/{special}")
    return f"%{word}%"


class Page(NamedTuple):
    """A part of the list, of one moment.

    Attributes:
        tasks: rows that begin with a task's columns.
        next: the cursor of the page behind it, if there is one.
        revision: of all that the user has; 0 before the first write.
        total: how many tasks all pages hold; None if they were not counted.
    """

    tasks: Sequence[AnyRow]
    next: str | None
    revision: int
    total: int | None


def find_page(search: Search, limit: int, cursor: str | None, *, counts: bool) -> Page:
    """The page of at most `limit` tasks that begins at the cursor.

    Raises:
        Problem: 400, the cursor is not one of this search.
    """
    shape, values = search.shape, search.values()
    behind = None
    if cursor:
        after = read_cursor(cursor, search, shape.keys())
        behind = tuple(key_value is not None for key_value in after)
        values |= {
            f"after_{number}": key_value for number, key_value in enumerate(after) if key_value is not None
        }
    rows = fetch(statement_for(shape, behind, counts=counts), **values, limit=limit + 1)
    if not rows:  # nobody has written yet
        return Page([], next=None, revision=0, total=0)
    head, *found = rows
    tasks = found[:limit]
    return Page(
        tasks,
        next=cursor_after(tasks[-1], search, shape.keys()) if len(found) > limit else None,
        revision=head.revision,
        total=head.total,
    )


def cursor_after(row: AnyRow, search: Search, keys: Sequence[Key]) -> str:
    task = TaskRow._make(row[: len(TaskRow._fields)])
    return encode({key.column.key: key_value(task, key) for key in keys}, *search.binding)


def read_cursor(cursor: str, search: Search, keys: Sequence[Key]) -> list[Any]:
    """The values of the row that the cursor stands behind."""
    names = [key.column.key for key in keys]
    try:
        values = decode(cursor, CursorSchema(only=names), *search.binding)
    except ValueError:
        raise invalid({"cursor": ["Not a cursor of this list with these filters and this order."]}) from None
    return [values[name] for name in names]


def key_value(task: TaskRow, key: Key) -> Any:
    """A task's value of a key; of its folded title too, which is not read with it."""
    return title_key(task.title) if key.column is Task.title_key else getattr(task, key.column.key)


def current_revision(user_id: str) -> int:
    """The revision of all that a user has; 0 before the first write."""
    return fetch_value(CURRENT_REVISION, user=user_id) or 0
