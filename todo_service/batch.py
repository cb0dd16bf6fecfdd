"""Several operations as one: all of them, or none (contract §6)."""

from collections.abc import Iterator
from typing import Any, cast

from flask import Blueprint
from marshmallow import ValidationError
from uuid_utils import uuid7

from todo_service.auth import signed_in
from todo_service.batch_schemas import BatchInput, BatchResultSchema, load_operation
from todo_service.contract import returns, takes
from todo_service.errors import Problem, invalid
from todo_service.idempotency import RUN_BATCH, writes_once
from todo_service.models import TaskRow
from todo_service.own_tasks import change, create, own_task, remove
from todo_service.preconditions import precondition_failed
from todo_service.transactions import roll_back

blueprint = Blueprint("batch", __name__, url_prefix="/api/tasks")

MAX_BYTES = 1024 * 1024  # contract §1

Result = dict[str, Any]


@blueprint.post("/batch")
@signed_in
@takes(BatchInput(), limit=MAX_BYTES)
@writes_once(RUN_BATCH)
@returns(BatchResultSchema(), refuses=(403, 404, 412))
def run_batch(fields: dict[str, Any]) -> dict[str, list[Result]]:
    """Do up to 100 operations in order, all or none of them. The first that fails decides the answer,
    with its index as the name in `errors`. With an `Idempotency-Key` it may safely be sent again."""
    return {"results": [perform(index, raw) for index, raw in enumerate(fields["operations"])]}


def perform(index: int, raw: Any) -> Result:
    try:
        operation = load_operation(raw)
        return DOINGS[operation["op"]](operation)
    except ValidationError as error:
        raise failed(index, invalid(flat(cast(dict[str, Any], error.messages)))) from error
    except Problem as problem:
        raise failed(index, as_committed(problem)) from problem


def as_committed(problem: Problem) -> Problem:
    """A 412 with the task as it is without what this batch did to it before, which is undone."""
    if problem.current is None:
        return problem
    roll_back()
    return precondition_failed(own_task(problem.current["id"]))


def failed(index: int, problem: Problem) -> Problem:
    """The same refusal, naming the operation."""
    messages = [f"{name}: {' '.join(said)}" for name, said in (problem.errors or {}).items()]
    return Problem(
        problem.status,
        problem.code,
        f"Operation {index}: {problem.detail}",
        errors={str(index): messages or [problem.detail]},
        current=problem.current,
        headers=problem.headers,
    )


def flat(messages: dict[str, Any], prefix: str = "") -> dict[str, list[str]]:
    """Messages of nested members by their paths: `task.title`."""
    return dict(leaves(messages, prefix))


def leaves(messages: dict[str, Any], prefix: str) -> Iterator[tuple[str, list[str]]]:
    for name, said in messages.items():
        if isinstance(said, dict):
            yield from leaves(said, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", said


def do_create(operation: dict[str, Any]) -> Result:
    return {"status": 201, "task": create(str(uuid7()), operation["task"])}


def do_update(operation: dict[str, Any]) -> Result:
    return {"status": 200, "task": change(matched(own_task(operation["id"]), operation), operation["task"])}


def do_complete(operation: dict[str, Any]) -> Result:
    task = matched(own_task(operation["id"]), operation)
    return {"status": 200, "task": change(task, {"completed": operation["completed"]})}


def do_delete(operation: dict[str, Any]) -> Result:
    matched(remove(operation["id"]), operation)
    return {"status": 204}


def matched(task: TaskRow, operation: dict[str, Any]) -> TaskRow:
    """The task, if it has the revision the operation names.

    Raises:
        Problem: 412, with the task as it is.
    """
    if operation["if_match"] not in (None, task.revision):
        raise precondition_failed(task)
    return task


DOINGS = {"create": do_create, "update": do_update, "complete": do_complete, "delete": do_delete}
