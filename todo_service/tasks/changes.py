"""The change feed, by which devices keep a mirror of their user's tasks (contract §6).

Because a user's revisions commit in their order, nothing can appear behind a revision that was seen: a
token is little more than the revision up to which its holder knows everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from flask import Blueprint
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    bindparam,
    cast,
    false,
    null,
    select,
    true,
    tuple_,
    union_all,
)

from todo_service.api.contract import returns, takes
from todo_service.api.cursors import SyncTokenSchema, decode, encode
from todo_service.auth.bearer import signed_in
from todo_service.auth.current_user import current_user
from todo_service.db.transactions import USER, AnyRow, fetch
from todo_service.models import TASK_COLUMNS, Deletion, Task, TaskRow, User
from todo_service.tasks.changes_schemas import ChangesParameters, ChangesSchema
from todo_service.tasks.problems import account_erased, sync_token_expired

blueprint = Blueprint("changes", __name__, url_prefix="/api/tasks")

SYNC_TOKEN = SyncTokenSchema()


@dataclass(frozen=True)
class SyncPoint:
    """A point in the feed up to which a device has followed it: what a sync token holds.

    Args:
        revision: it knows all changes before this one,
        id: and of this one those up to this task; None: all of them.
        floor: deletions up to this revision do not concern it: it never had those tasks.
        incarnation: when the user's row was made; None before that. After an erasure it is
            another one, with other revisions.
    """

    revision: int = 0
    id: str | None = None
    floor: int = 0
    incarnation: datetime | None = None


class Change(NamedTuple):
    """A row of the feed: the user's revision, how far deletions are pruned, the incarnation; and a
    change of a task, if there is one."""

    user_revision: int
    pruned_through: int
    incarnation: datetime
    deleted_at: datetime | None
    task: TaskRow

    @classmethod
    def of(cls, row: AnyRow) -> "Change":
        return cls._make((*row[:4], TaskRow._make(row[4:])))


@blueprint.get("/changes")
@signed_in
@takes(query=ChangesParameters())
@returns(ChangesSchema(), refuses=(410,))
def list_changes(since: str | None, limit: int) -> dict[str, Any]:
    """List what has changed since a token of an earlier answer. Without one, everything there is. Each
    task appears once, as it now is; ask on with the new token while `has_more` is true."""
    start = read_token(since) if since else None
    rows = [Change.of(row) for row in read_feed(start, limit + 1)]
    if not rows:  # never written, or erased
        if start and start.incarnation:
            raise account_erased()
        return {"changes": [], "token": make_token(SyncPoint()), "has_more": False}
    user = rows[0]
    if start and start.incarnation not in (None, user.incarnation):
        raise account_erased()
    if start and is_expired(start, user):
        raise sync_token_expired()
    changes = [row for row in rows if row.task.revision is not None]
    has_more = len(changes) > limit
    changes = changes[:limit]
    reached = SyncPoint(
        revision=changes[-1].task.revision if changes else start.revision if start else 0,
        id=changes[-1].task.id if has_more else None,
        floor=start.floor if start else user.user_revision,
        incarnation=user.incarnation,
    )
    return {
        "changes": [as_change(row) for row in changes],
        "token": make_token(reached),
        "has_more": has_more,
    }


def make_token(point: SyncPoint) -> str:
    return encode(SYNC_TOKEN.dump(point), current_user().id)


def read_token(token: str) -> SyncPoint:
    """Where the holder of a token stands.

    Raises:
        Problem: 410, it cannot be read, or is another user's.
    """
    try:
        return SyncPoint(**decode(token, SYNC_TOKEN, current_user().id))
    except ValueError:
        raise sync_token_expired() from None


def is_expired(start: SyncPoint, user: Change) -> bool:
    """Whether deletions that the device has not heard of may be pruned, or revisions that it has seen."""
    return start.revision > user.user_revision or max(start.revision, start.floor) < user.pruned_through


def as_change(row: Change) -> dict[str, Any]:
    if row.deleted_at is None:
        return {"type": "upsert", "task": row.task}
    return {"type": "delete", "id": row.task.id, "deleted_at": row.deleted_at}


def read_feed(start: SyncPoint | None, limit: int) -> Sequence[AnyRow]:
    within = start is not None and start.id is not None
    values: dict[str, Any] = {}
    if start:
        values = {"revision": start.revision, "floor": start.floor} | ({"id": start.id} if within else {})
    return fetch(feed(starts=start is None, within=within), user=current_user().id, limit=limit, **values)


@cache
def feed(*, starts: bool, within: bool) -> Select[Any]:
    """One statement, and so one moment: the user's row, beside it the next changes, if there are any.

    Args:
        starts: the device knows nothing yet.
        within: it knows a part of the changes of a revision.
    """
    changed = select(cast(null(), Deletion.deleted_at.type).label("deleted_at"), *TASK_COLUMNS)
    deleted = select(Deletion.deleted_at, *(deletion_column(column) for column in TASK_COLUMNS))
    limit = bindparam("limit", type_=Integer)
    parts = [
        part.order_by(table.revision, task_id).limit(limit).subquery()
        for part, table, task_id in (
            (changed.where(*unseen_tasks(starts, within)), Task, Task.id),
            (deleted.where(*unseen_deletions(starts, within)), Deletion, Deletion.task_id),
        )
    ]
    both = union_all(*(select(part) for part in parts)).subquery()
    known = (
        User.revision.label("user_revision"),
        User.pruned_through.label("pruned_through"),
        User.created_at.label("incarnation"),
    )
    return (
        select(*known, *both.c)
        .select_from(User)
        .outerjoin(both, true())
        .where(User.id == USER)
        .order_by(both.c.revision, both.c.id)
        .limit(limit)
    )


def deletion_column(column: Any) -> Any:
    """What a deletion has in the place of a task's column."""
    own = {"user_id": Deletion.user_id, "id": Deletion.task_id, "revision": Deletion.revision}
    return own.get(column.name, cast(null(), column.type)).label(column.name)


def unseen_tasks(starts: bool, within: bool) -> list[ColumnElement[bool]]:
    mine = Task.user_id == USER
    return [mine] if starts else [mine, is_after(Task, Task.id, within)]


def unseen_deletions(starts: bool, within: bool) -> list[ColumnElement[bool]]:
    if starts:  # a device that starts has nothing to delete
        return [false()]
    floor = Deletion.revision > bindparam("floor")
    return [Deletion.user_id == USER, floor, is_after(Deletion, Deletion.task_id, within)]


def is_after(table: type[Task] | type[Deletion], task_id: Any, within: bool) -> ColumnElement[bool]:
    """Whether a change lies behind the device's position."""
    revision = bindparam("revision", type_=BigInteger)
    if not within:
        return table.revision > revision
    return tuple_(table.revision, task_id) > tuple_(revision, bindparam("id", type_=Task.id.type))
