"""Statements on single tasks, all scoped to the current user: nothing here reaches anybody else's."""

import re
from datetime import datetime
from typing import Any, NoReturn

from sqlalchemy import BigInteger, bindparam, delete, insert, select, update

from todo_service.auth.current_user import current_user
from todo_service.db.transactions import USER, execute, fetch_one, fetch_value
from todo_service.models import TASK_COLUMNS, Deletion, Task, TaskRow, UtcDateTime
from todo_service.tasks.folding import search_columns
from todo_service.tasks.positions import top
from todo_service.tasks.problems import forbidden, not_found
from todo_service.tasks.tags import tag_keys
from todo_service.writes.revisions import current_work

TaskData = dict[str, Any]

UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

OWN_TASK = (Task.user_id == USER, Task.id == bindparam("task"))
SELECT_TASK = select(*TASK_COLUMNS).where(*OWN_TASK)
INSERT = insert(Task)
UPDATE = update(Task).where(*OWN_TASK)  # sets the columns that are given
DELETE = delete(Task).where(*OWN_TASK).returning(*TASK_COLUMNS)
# Not EXISTS, for which a sharding database fetches from every shard: with LIMIT it stops at the first.
EXISTS = select(Task.id).where(Task.id == bindparam("task")).limit(1)

OWN_DELETION = (Deletion.user_id == USER, Deletion.task_id == bindparam("task"))
INSERT_DELETION = insert(Deletion)
SELECT_DELETED_AT = select(Deletion.deleted_at).where(*OWN_DELETION)
DELETE_DELETION = delete(Deletion).where(*OWN_DELETION)

OWN_COMPLETED = (Task.user_id == USER, Task.completed)
INSERT_COMPLETED_DELETIONS = insert(Deletion).from_select(
    ["user_id", "task_id", "revision", "deleted_at"],
    select(
        Task.user_id, Task.id, bindparam("write", type_=BigInteger), bindparam("now", type_=UtcDateTime())
    ).where(*OWN_COMPLETED),
)
DELETE_COMPLETED = delete(Task).where(*OWN_COMPLETED)


def own_task(id: str) -> TaskRow:
    """The current user's task of this id.

    Raises:
        Problem: 403 if it is somebody else's, 404 if there is none.
    """
    return own_task_or_none(id) or refuse_missing(id)


def own_task_or_none(id: str) -> TaskRow | None:
    """The same, where a task that is not there is no reason to refuse."""
    row = fetch_one(SELECT_TASK, **task_key(id))
    return TaskRow._make(row) if row else None


def task_key(id: str) -> dict[str, str]:
    """What picks one task of the current user's.

    Raises:
        Problem: 404, the id is none; no statement is spent on it.
    """
    if not UUID.fullmatch(id):
        raise not_found()
    return {"user": current_user().id, "task": id.lower()}


def refuse_missing(id: str) -> NoReturn:
    """Say why the current user has no such task: the one question that is asked across users.

    Who had it and deleted it does not learn that somebody else uses the same id (contract §6).
    """
    if fetch_one(EXISTS, task=id.lower()) and not deleted_at(id):
        raise forbidden()
    raise not_found()


def create(id: str, data: TaskData) -> TaskRow:
    """Insert a task of the current user's; `id` must be free."""
    work = current_work()
    task = TaskRow(
        id=id,
        user_id=current_user().id,
        title=data["title"],
        description=data.get("description"),
        completed=data.get("completed", False),
        completed_at=work.moment if data.get("completed") else None,
        priority=data.get("priority"),
        due_date=data.get("due_date"),
        tags=data.get("tags", ""),
        position=top(work.revision),
        created_at=work.moment,
        updated_at=work.moment,
        revision=work.next_revision(),
        due_day=data.get("due_day"),
    )
    execute(
        INSERT, **task._asdict() | search_columns(task.title, task.description), tag_keys=tag_keys(task.tags)
    )
    return task


def change(task: TaskRow, data: TaskData) -> TaskRow:
    """Write what differs, if anything does, and return the task as it then is."""
    changes = {name: value for name, value in data.items() if getattr(task, name) != value}
    if not changes:
        return task
    work = current_work()
    if "completed" in changes:
        changes["completed_at"] = work.moment if changes["completed"] else None
    changes |= {"updated_at": work.moment, "revision": work.next_revision()}
    changed = task._replace(**changes)
    if "title" in changes or "description" in changes:
        changes |= search_columns(changed.title, changed.description)
    if "tags" in changes:
        changes["tag_keys"] = tag_keys(changed.tags)
    execute(UPDATE, user=task.user_id, task=task.id, **changes)
    return changed


def remove(id: str) -> TaskRow:
    """Delete a task and note that it was; return what it was. Raises as `own_task` does."""
    work = current_work()
    deleted = TaskRow._make(fetch_one(DELETE, **task_key(id)) or refuse_missing(id))
    execute(
        INSERT_DELETION,
        user_id=deleted.user_id,
        task_id=deleted.id,
        revision=work.next_revision(),
        deleted_at=work.moment,
    )
    return deleted


def deleted_at(id: str) -> datetime | None:
    """When the current user deleted the task of this id, as far as that is still noted."""
    moment: datetime | None = fetch_value(SELECT_DELETED_AT, **task_key(id))
    return moment


def forget_deletion(id: str) -> None:
    """Let a task come back under its id: it and its deletion never stand side by side."""
    execute(DELETE_DELETION, **task_key(id))


def remove_completed() -> int:
    """Delete the user's completed tasks as one change; return how many there were."""
    work = current_work()
    execute(INSERT_COMPLETED_DELETIONS, user=current_user().id, write=work.revision, now=work.moment)
    deleted = execute(DELETE_COMPLETED, user=current_user().id).rowcount
    if deleted:
        work.next_revision()
    return deleted
