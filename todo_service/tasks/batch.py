"""Batches: several operations in one transaction, all of them or none (contract §6)."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from flask import Blueprint
from marshmallow import ValidationError
from uuid_utils import uuid7

from todo_service.api.contract import returns, takes
from todo_service.api.problems import Problem, invalid
from todo_service.auth import rate_limit
from todo_service.auth.bearer import signed_in
from todo_service.db.transactions import roll_back
from todo_service.models import TaskRow
from todo_service.tasks.batch_schemas import BatchInput, BatchResultSchema, load_operation
from todo_service.tasks.moves import move
from todo_service.tasks.preconditions import create_under, precondition_failed
from todo_service.tasks.queries import change, create, own_task, own_task_or_none, remove
from todo_service.writes.idempotency import RUN_BATCH, writes

View = Callable[..., Any]

blueprint = Blueprint("batch", __name__, url_prefix="/api/tasks")

MAX_BYTES = 1024 * 1024  # contract §1

OperationResult = dict[str, Any]


def counts_operations(view: View) -> View:
    """Let each operation count as a request (contract §7): before any is done, or even begun to be."""

    @wraps(view)
    def counted(data: dict[str, Any]) -> Any:
        rate_limit.hit_as(len(data["operations"]))
        return view(data=data)

    return counted


@blueprint.post("/batch")
@signed_in
@takes(BatchInput(), limit=MAX_BYTES)
@counts_operations
@writes(RUN_BATCH)
@returns(BatchResultSchema(), refuses=(403, 404, 410, 412))
def run_batch(data: dict[str, Any]) -> dict[str, list[OperationResult]]:
    """Do up to 100 operations in order, all or none of them. The first that fails decides the answer,
    with its index as the name in `errors`."""
    return {"results": [run_operation(index, raw) for index, raw in enumerate(data["operations"])]}


def run_operation(index: int, raw: Any) -> OperationResult:
    try:
        return apply_operation(load_operation(raw))
    except ValidationError as error:
        problem = invalid(flatten(cast(dict[str, Any], error.messages)))
    except Problem as error:
        problem = as_committed(error)
    raise operation_problem(index, problem)


def apply_operation(operation: dict[str, Any]) -> OperationResult:
    match operation["op"]:
        case "create" if operation["id"]:
            return {"status": 201, "task": create_under(operation["id"], operation["task"])}
        case "create":
            return {"status": 201, "task": create(str(uuid7()), operation["task"])}
        case "delete":
            require_revision(remove(operation["id"]), operation)
            return {"status": 204}
    task = own_task(operation["id"])
    require_revision(task, operation)
    if operation["op"] == "move":
        return {"status": 200, "task": move(task, operation)}
    data = operation["task"] if operation["op"] == "update" else {"completed": operation["completed"]}
    return {"status": 200, "task": change(task, data)}


def require_revision(task: TaskRow, operation: dict[str, Any]) -> None:
    """Hold `if_match` against the task.

    Raises:
        Problem: 412, it has another revision.
    """
    if operation["if_match"] not in (None, task.revision):
        raise precondition_failed(task)


def as_committed(problem: Problem) -> Problem:
    """A 412 with the task as it is without what this batch did to it before, which is undone."""
    if problem.current is None:
        return problem
    roll_back()
    return precondition_failed(own_task_or_none(problem.current["id"]))


def operation_problem(index: int, problem: Problem) -> Problem:
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


def flatten(messages: dict[str, Any], prefix: str = "") -> dict[str, list[str]]:
    """Messages of nested members by their paths: `task.title`."""
    found: dict[str, list[str]] = {}
    for name, said in messages.items():
        path = f"{prefix}{name}"
        found |= flatten(said, f"{path}.") if isinstance(said, dict) else {path: said}
    return found
