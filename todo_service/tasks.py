"""The tasks blueprint: the six core endpoints (contract §4)."""

import re
from typing import Any, NoReturn

from flask import Blueprint
from sqlalchemy import ColumnElement, Row, delete, exists, insert, select, update
from uuid_utils import uuid7

from todo_service.auth import caller, signed_in
from todo_service.contract import returns, takes
from todo_service.errors import Problem, invalid
from todo_service.extensions import db
from todo_service.listing import tasks_of
from todo_service.models import SHOWN, Deletion, Task
from todo_service.revisions import this_write, writes
from todo_service.schemas import CompletionSchema, ListParameters, TaskSchema

blueprint = Blueprint("tasks", __name__, url_prefix="/api/tasks")

Fields = dict[str, Any]
TaskRow = Row[Any]

UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@blueprint.get("")
@signed_in
@takes(query=ListParameters())
@returns(TaskSchema(many=True))
def list_tasks(status: str, sort: list[str], order: list[str]) -> list[TaskRow]:
    """List your tasks."""
    if len(order) > len(sort):
        raise invalid({"order": ["Names more directions than sort has keys."]})
    return list(db.session.execute(tasks_of(caller().id, status, sort, order)))


@blueprint.post("")
@signed_in
@takes(TaskSchema())
@writes
@returns(TaskSchema(), 201, located_at="tasks.read_task")
def create_task(fields: Fields) -> TaskRow:
    """Create a task."""
    return create(str(uuid7()), fields)


@blueprint.get("/<id>")
@signed_in
@takes()
@returns(TaskSchema())
def read_task(id: str) -> TaskRow:
    """Read a task."""
    return own_task(id)


@blueprint.put("/<id>")
@signed_in
@takes(TaskSchema(partial=True))
@writes
@returns(TaskSchema())
def update_task(id: str, fields: Fields) -> TaskRow:
    """Update a task. Members that are left out stay as they are."""
    return change(own_task(id), fields)


@blueprint.delete("/<id>")
@signed_in
@takes()
@writes
@returns(status=204)
def delete_task(id: str) -> None:
    """Delete a task for good."""
    remove(id)


@blueprint.patch("/<id>/complete")
@signed_in
@takes(CompletionSchema(), body_optional=True)
@writes
@returns(TaskSchema())
def complete_task(id: str, fields: Fields | None) -> TaskRow:
    """Complete or reopen a task. Without a body its state is toggled."""
    task = own_task(id)
    return change(task, fields or {"completed": not task.completed})


def own_task(id: str) -> TaskRow:
    """The current user's task of this id.

    Raises:
        Problem: 403 if it is somebody else's, 404 if there is none.
    """
    mine = select(*SHOWN).where(*is_mine(id))
    return db.session.execute(mine).one_or_none() or refuse(id)


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
        update(Task).where(*is_mine(task.id)).values(columns | changes | derived(changes)).returning(*SHOWN)
    ).one()


def remove(id: str) -> None:
    """Delete a task and note that it was; raises as `own_task` does."""
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


def derived(fields: Fields) -> Fields:
    """The columns that follow from members a client sets."""
    columns: Fields = {}
    if "title" in fields:
        columns["title_key"] = fields["title"].casefold()
    if "completed" in fields:
        columns["completed_at"] = this_write().moment if fields["completed"] else None
    return columns
