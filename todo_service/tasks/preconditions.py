"""Optimistic locking: If-Match and If-None-Match of writes (RFC 9110 §13, contract §6)."""

from flask import current_app, request

from todo_service.api.etags import etag, etag_matches
from todo_service.api.problems import Problem
from todo_service.models import TaskRow
from todo_service.tasks.problems import task_deleted
from todo_service.tasks.queries import (
    TaskData,
    create,
    deleted_at,
    forget_deletion,
    own_task,
    own_task_or_none,
)
from todo_service.tasks.schemas import TaskSchema
from todo_service.writes.revisions import current_work


def task_to_change(id: str) -> TaskRow:
    """The current user's task of this id, if it is as the request supposes.

    Raises:
        Problem: 403, 404 or 412.
    """
    task = own_task(id)
    require_match(task)
    return task


def require_match(task: TaskRow) -> None:
    """Hold the request's If-Match and If-None-Match against a task (RFC 9110 §13.2.2).

    Raises:
        Problem: 412, with the task as it is.
    """
    has_changed = not etag_matches(task.revision, request.headers.get("If-Match", "*"))
    if has_changed or etag_matches(task.revision, request.headers.get("If-None-Match", "")):
        raise precondition_failed(task)


def create_under(id: str, data: TaskData) -> TaskRow:
    """Create a task under an id of the client's, unless the user has it, or had it until a short while ago:
    a retry must not bring back what another device has deleted since (contract §6).

    Raises:
        Problem: 404 for what is no UUID, 410 or 412.
    """
    if task := own_task_or_none(id):
        raise precondition_failed(task)
    if gone_since := deleted_at(id):
        if current_work().moment - gone_since < current_app.extensions["deletions_lifetime"]:
            raise task_deleted()
        forget_deletion(id)
    return create(id.lower(), data)


def precondition_failed(task: TaskRow | None) -> Problem:
    """412, with the task as it is, if there is one."""
    detail = "The task is not in the state this request supposes."
    current = TaskSchema().dump(task) if task else None
    headers = {"ETag": etag(task.revision)} if task else None
    return Problem(412, "precondition_failed", detail, current=current, headers=headers)
