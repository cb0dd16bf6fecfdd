"""The tasks blueprint: the six core endpoints (contract §4)."""

import re
from typing import Any

from flask import Blueprint
from sqlalchemy import Row, delete, exists, insert, select, update
from uuid_utils import uuid7

from todo_service.auth import caller, signed_in
from todo_service.contract import returns, takes
from todo_service.errors import Problem, invalid
from todo_service.extensions import db
from todo_service.listing import tasks_of
from todo_service.models import SHOWN, Deletion, Task
from todo_service.revisions import abandon_write, begin_write, now
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
@returns(TaskSchema(), 201, located_at="tasks.read_task")
def create_task(fields: Fields) -> TaskRow:
    """Create a task."""
    revision = begin_write()
    moment = now()
    values = {"completed": False, **fields, **derived(fields, moment)}
    return db.session.execute(
        insert(Task)
        .values(
            user_id=caller().id,
            id=str(uuid7()),
            created_at=moment,
            updated_at=moment,
            revision=revision,
            **values,
        )
        .returning(*SHOWN)
    ).one()


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
@returns(TaskSchema())
def update_task(id: str, fields: Fields) -> TaskRow:
    """Update a task. Members that are left out stay as they are."""
    revision = begin_write()
    return revise(own_task(id), fields, revision)


@blueprint.delete("/<id>")
@signed_in
@takes()
@returns(status=204)
def delete_task(id: str) -> None:
    """Delete a task for good."""
    revision = begin_write()
    task = own_task(id)
    db.session.execute(delete(Task).where(Task.user_id == task.user_id, Task.id == task.id))
    db.session.execute(
        insert(Deletion).values(user_id=task.user_id, task_id=task.id, revision=revision, deleted_at=now())
    )


@blueprint.patch("/<id>/complete")
@signed_in
@takes(CompletionSchema(), body_optional=True)
@returns(TaskSchema())
def complete_task(id: str, fields: Fields | None) -> TaskRow:
    """Complete or reopen a task. Without a body its state is toggled."""
    revision = begin_write()
    task = own_task(id)
    return revise(task, fields or {"completed": not task.completed}, revision)


def own_task(id: str) -> TaskRow:
    """The current user's task of this id.

    Raises:
        Problem: 403 if it is somebody else's, 404 if there is none.
    """
    if not UUID.fullmatch(id):
        raise missing()
    mine = select(*SHOWN).where(Task.user_id == caller().id, Task.id == id.lower())
    task = db.session.execute(mine).one_or_none()
    if task is None:
        raise not_yours() if is_somebodys(id.lower()) else missing()
    return task


def is_somebodys(id: str) -> bool:
    """The one question asked across users."""
    return bool(db.session.scalar(select(exists().where(Task.id == id))))


def missing() -> Problem:
    return Problem(404, "not_found", "Task not found")


def not_yours() -> Problem:
    return Problem(403, "forbidden", "Not authorized to access this task")


def revise(task: TaskRow, fields: Fields, revision: int) -> TaskRow:
    """Write what differs and return the task as it then is; a write that changes nothing is abandoned."""
    changes = {name: value for name, value in fields.items() if getattr(task, name) != value}
    if not changes:
        abandon_write()
        return task
    moment = now()
    statement = (
        update(Task)
        .where(Task.user_id == task.user_id, Task.id == task.id)
        .values(updated_at=moment, revision=revision, **changes, **derived(changes, moment))
        .returning(*SHOWN)
    )
    return db.session.execute(statement).one()


def derived(fields: Fields, moment: Any) -> Fields:
    """The columns that follow from members a client sets."""
    columns: Fields = {}
    if "title" in fields:
        columns["title_key"] = fields["title"].casefold()
    if "completed" in fields:
        columns["completed_at"] = moment if fields["completed"] else None
    return columns
