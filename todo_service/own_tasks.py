"""What can be done with the current user's tasks. Nothing here can reach anybody else's."""

import re
from typing import Any, NoReturn, cast

from sqlalchemy import ColumnElement, CursorResult, Row, delete, exists, insert, literal, select, update

from todo_service.auth import caller
from todo_service.errors import Problem
from todo_service.extensions import db
from todo_service.models import SHOWN, Deletion, Moment, Task
from todo_service.revisions import this_write

Fields = dict[str, Any]
TaskRow = Row[Any]

UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def own_task(id: str) -> TaskRow:
    """The current user's task of this id.

    Raises:
        Problem: 403 if it is somebody else's, 404 if there is none.
    """
    return own_task_or_none(id) or refuse(id)


def own_task_or_none(id: str) -> TaskRow | None:
    """The same, where a task that is not there is no reason to refuse."""
    return db.session.execute(select(*SHOWN).where(*is_mine(id))).one_or_none()


def is_mine(id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The condition that picks one task of the current user's.

    Raises:
        Problem: 404, the id is none; no statement is spent on it.
    """
    if not UUID.fullmatch(id):
        raise missing()
    return Task.user_id == caller().id, Task.id == id.lower()


def refuse(id: str) -> NoReturn:
    """Say why the current user has no such task: the one question that is asked across users."""
    if db.session.scalar(select(exists().where(Task.id == id.lower()))):
        raise Problem(403, "forbidden", "Not authorized to access this task")
    raise missing()


def missing() -> Problem:
    return Problem(404, "not_found", "Task not found")


def create(id: str, fields: Fields) -> TaskRow:
    """Insert a task of the current user's; `id` must be free."""
    write = this_write()
    columns = {
        "user_id": caller().id,
        "id": id,
        "completed": False,
        "created_at": write.moment,
        "updated_at": write.moment,
        "revision": write.next_revision(),
    }
    return db.session.execute(insert(Task).values(columns | fields | derived(fields)).returning(*SHOWN)).one()


def change(task: TaskRow, fields: Fields) -> TaskRow:
    """Write what differs, if anything does, and return the task as it then is."""
    changes = {name: value for name, value in fields.items() if getattr(task, name) != value}
    if not changes:
        return task
    write = this_write()
    columns = {"updated_at": write.moment, "revision": write.next_revision()}
    return db.session.execute(
        update(Task)
        .where(*is_mine(task.id))
        .values(columns | changes | derived(changes, task))
        .returning(*SHOWN)
    ).one()


def derived(fields: Fields, before: TaskRow | None = None) -> Fields:
    """The columns that follow from members a client sets, on a new task or on one as it was `before`."""
    columns: Fields = {}
    if "title" in fields:
        columns["title_key"] = fields["title"].casefold()
    if "title" in fields or "description" in fields:
        old = {"title": before.title, "description": before.description} if before else {}
        texts = {"description": None, **old, **fields}
        columns["search_text"] = f"{texts['title']}\n{texts['description'] or ''}".casefold()
    if "completed" in fields:
        columns["completed_at"] = this_write().moment if fields["completed"] else None
    return columns


def remove(id: str) -> TaskRow:
    """Delete a task and note that it was; return what it was. Raises as `own_task` does."""
    gone = db.session.execute(delete(Task).where(*is_mine(id)).returning(*SHOWN)).one_or_none() or refuse(id)
    write = this_write()
    db.session.execute(
        insert(Deletion).values(
            user_id=gone.user_id,
            task_id=gone.id,
            revision=write.next_revision(),
            deleted_at=write.moment,
        )
    )
    return gone


def forget_deletion(id: str) -> None:
    """Let a task come back under its id: it and its deletion never stand side by side."""
    was = (Deletion.user_id == caller().id, Deletion.task_id == id.lower())
    db.session.execute(delete(Deletion).where(*was))


def remove_completed() -> int:
    """Delete the user's completed tasks as one change; return how many there were."""
    write = this_write()
    completed = (Task.user_id == caller().id, Task.completed)
    noted = select(Task.user_id, Task.id, literal(write.revision), literal(write.moment, Moment))
    columns = ["user_id", "task_id", "revision", "deleted_at"]
    db.session.execute(insert(Deletion).from_select(columns, noted.where(*completed)))
    gone = cast(CursorResult[Any], db.session.execute(delete(Task).where(*completed))).rowcount
    if gone:
        write.next_revision()
    return gone
