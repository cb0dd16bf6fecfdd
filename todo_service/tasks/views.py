"""The tasks blueprint: the six core endpoints (contract §4) and what stands beside them (§6)."""

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, request, url_for
from flask.blueprints import BlueprintSetupState
from uuid_utils import uuid7
from werkzeug.routing import BaseConverter
from werkzeug.urls import iri_to_uri

from todo_service.api.contract import JSON, MERGE_PATCH, Result, raise_if_not_modified, returns, takes
from todo_service.api.etags import list_version
from todo_service.api.problems import invalid
from todo_service.auth.bearer import signed_in
from todo_service.auth.current_user import current_user
from todo_service.models import TaskRow
from todo_service.tasks.listing import Search, current_revision, find_page
from todo_service.tasks.moves import move
from todo_service.tasks.preconditions import create_under, require_match, task_to_change
from todo_service.tasks.queries import TaskData, change, create, own_task, remove, remove_completed
from todo_service.tasks.schemas import (
    MEMBERS,
    ClearedSchema,
    ClearParameters,
    CompletionInput,
    ListParameters,
    MoveInput,
    TagSchema,
    TaskInput,
    TaskSchema,
)
from todo_service.tasks.tag_counts import count_tags
from todo_service.writes.idempotency import (
    CLEAR_COMPLETED,
    COMPLETE_TASK,
    CREATE_TASK,
    DELETE_TASK,
    MOVE_TASK,
    PATCH_TASK,
    UPDATE_TASK,
    writes,
)

blueprint = Blueprint("tasks", __name__, url_prefix="/api/tasks")


class TaskId(BaseConverter):
    """Whatever stands in the place of an id, but for the names of the resources beside the tasks."""

    regex = "(?!(?:batch|changes|tags)$)[^/]+"
    part_isolating = True  # matched against one part of a path, which holds no slash


@blueprint.record_once
def know_task_ids(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["task"] = TaskId


@blueprint.get("")
@signed_in
@takes(query=ListParameters())
@returns(TaskSchema(many=True), etag=True, headers=("Link", "X-Total-Count"))
def list_tasks(limit: int, cursor: str | None, count: bool, **filters: Any) -> Result:
    """List your tasks. When there are more than `limit`, `Link` leads to the next page."""
    if len(filters["order"]) > len(filters["sort"]):
        raise invalid({"order": ["Names more directions than sort has keys."]})
    search = Search(user_id=current_user().id, **filters)
    if "If-None-Match" in request.headers:
        raise_if_not_modified(list_version(search.user_id, current_revision(search.user_id), MEMBERS))
    page = find_page(search, limit, cursor, counts=count)
    headers = {}
    if page.next:
        query = urlencode({**request.args.to_dict(flat=False), "cursor": page.next}, doseq=True)
        headers["Link"] = f'<{iri_to_uri(url_for("tasks.list_tasks"))}?{query}>; rel="next"'
    if count:
        headers["X-Total-Count"] = str(page.total)
    return Result(page.tasks, list_version(search.user_id, page.revision, MEMBERS), headers=headers)


@blueprint.post("")
@signed_in
@takes(TaskInput())
@writes(CREATE_TASK)
@returns(TaskSchema(), 201, etag=True, located_at="tasks.read_task")
def create_task(data: TaskData) -> TaskRow:
    """Create a task. Its id is made here; a `PUT` takes one of yours."""
    return create(str(uuid7()), data)


@blueprint.delete("")
@signed_in
@takes(query=ClearParameters())
@writes(CLEAR_COMPLETED)
@returns(ClearedSchema())
def clear_completed(status: str) -> dict[str, int]:
    """Delete all completed tasks. The answer tells how many there were."""
    return {"deleted": remove_completed()}


@blueprint.get("/<task:id>")
@signed_in
@takes()
@returns(TaskSchema(), etag=True, refuses=(403, 404))
def read_task(id: str) -> TaskRow:
    """Read a task. Its `ETag` is what `If-Match` and `If-None-Match` compare."""
    return own_task(id)


@blueprint.put("/<task:id>")
@signed_in
@takes(TaskInput(partial=True), headers=("If-Match", "If-None-Match"))
@writes(UPDATE_TASK)
@returns(TaskSchema(), etag=True, located_at="tasks.read_task", refuses=(403, 404, 410, 412))
def update_task(id: str, data: TaskData) -> TaskRow | Result:
    """Update a task. Members that are left out stay as they are. With `If-None-Match: *` the task is
    created under this id, a UUID that the client made."""
    if request.headers.get("If-None-Match", "").strip() == "*" and "If-Match" not in request.headers:
        if "title" not in data:
            raise invalid({"title": ["Missing data for required field."]})
        return Result(create_under(id, data), status=201)
    return change(task_to_change(id), data)


@blueprint.patch("/<task:id>")
@signed_in
@takes(TaskInput(partial=True), media_types=(JSON, MERGE_PATCH), headers=("If-Match",))
@writes(PATCH_TASK)
@returns(TaskSchema(), etag=True, refuses=(403, 404, 412))
def patch_task(id: str, data: TaskData) -> TaskRow:
    """Change some members of a task. A JSON merge patch (RFC 7396): null clears, what is left out stays."""
    return change(task_to_change(id), data)


@blueprint.delete("/<task:id>")
@signed_in
@takes(headers=("If-Match",))
@writes(DELETE_TASK)
@returns(status=204, refuses=(403, 404, 412))
def delete_task(id: str) -> None:
    """Delete a task for good. It is not found any more, and the changes feed reports it."""
    require_match(remove(id))


@blueprint.patch("/<task:id>/complete")
@signed_in
@takes(CompletionInput(), body_optional=True, headers=("If-Match",))
@writes(COMPLETE_TASK)
@returns(TaskSchema(), etag=True, refuses=(403, 404, 412))
def complete_task(id: str, data: TaskData | None) -> TaskRow:
    """Complete or reopen a task. Without a body its state is toggled."""
    task = task_to_change(id)
    return change(task, data or {"completed": not task.completed})


@blueprint.get("/tags")
@signed_in
@takes()
@returns(TagSchema(many=True))
def list_tags() -> list[dict[str, Any]]:
    """List your tags. Each with how many tasks have it; of spellings that differ in case, the newest."""
    return count_tags()


@blueprint.post("/<task:id>/move")
@signed_in
@takes(MoveInput(), headers=("If-Match",))
@writes(MOVE_TASK)
@returns(TaskSchema(), etag=True, refuses=(403, 404, 412))
def move_task(id: str, data: dict[str, str]) -> TaskRow:
    """Move a task in the order by hand. Its position changes, and no other's, unless there is no room left
    between its new neighbours."""
    return move(task_to_change(id), data)
