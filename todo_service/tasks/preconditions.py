"""If-Match and If-None-Match of writes (contract §6): nobody overwrites what they have not seen."""

from flask import request

from todo_service.api.etags import etag, is_listed
from todo_service.api.problems import Problem
from todo_service.models import TaskRow
from todo_service.tasks.queries import own_task
from todo_service.tasks.schemas import TaskSchema


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
    has_changed = not is_listed(task.revision, request.headers.get("If-Match", "*"))
    if has_changed or is_listed(task.revision, request.headers.get("If-None-Match", "")):
        raise precondition_failed(task)


def precondition_failed(task: TaskRow) -> Problem:
    detail = "The task is not in the state this request supposes."
    current = TaskSchema().dump(task)
    headers = {"ETag": etag(task.revision)}
    return Problem(412, "precondition_failed", detail, current=current, headers=headers)
