"""Idempotent replay: a write that is sent again with its `Idempotency-Key` is done once (contract §6)."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial, wraps
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import quote

from flask import Flask, Response, current_app, g, request
from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.exc import OperationalError

from todo_service.api.contract import empty_response
from todo_service.api.problems import Problem, invalid
from todo_service.auth.current_user import current_user
from todo_service.config import Settings
from todo_service.db.availability import is_lock_timeout
from todo_service.db.transactions import USER, execute, fetch_one
from todo_service.models import StoredResponse
from todo_service.writes.revisions import current_work, unit_of_work

KEY = re.compile("[!-~]{1,255}")  # visible ASCII
RETRY_SECONDS = 1

# The operations under whose names answers are stored. They outlive a deploy: never change one.
CREATE_TASK = "tasks.create_task"
CLEAR_COMPLETED = "tasks.clear_completed"
UPDATE_TASK = "tasks.update_task"
PATCH_TASK = "tasks.patch_task"
DELETE_TASK = "tasks.delete_task"
COMPLETE_TASK = "tasks.complete_task"
MOVE_TASK = "tasks.move_task"
RUN_BATCH = "batch.run_batch"

View = Callable[..., Response]


class Stored(NamedTuple):
    """A stored answer, and what it was the answer to."""

    fingerprint: bytes
    status: int
    body: bytes
    etag: str | None
    location: str | None
    created_at: datetime


THIS_KEY = (
    StoredResponse.user_id == USER,
    StoredResponse.endpoint == bindparam("operation"),
    StoredResponse.key == bindparam("name"),
)
SELECT_STORED = select(*(StoredResponse.__table__.c[name] for name in Stored._fields)).where(*THIS_KEY)
DELETE_STORED = delete(StoredResponse).where(*THIS_KEY)
INSERT_STORED = insert(StoredResponse)


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions["idempotency_lifetime"] = timedelta(hours=settings.idempotency_hours)


def writes(operation: str) -> Callable[[View], View]:
    """Run the view as one unit of work, and at most once for each `Idempotency-Key` of its user.

    The answer is stored in the write's own transaction, under the lock of the user's row that every
    write takes first: so a retry waits for the request it repeats, and then finds its answer. Only
    answers of success are stored; a refused request leaves its key free.

    Args:
        operation: the name under which answers are stored. It outlives a deploy, whatever the view is called.

    Raises:
        Problem: 400, the key is none; 409, its first request, or another write, does not end; 422, it was
            used with another payload. And what the view raises.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def written(**values: Any) -> Response:
            key = request.headers.get("Idempotency-Key")
            if key is None:
                with unit_of_work():
                    return view(**values)
            if not KEY.fullmatch(key):
                raise invalid({"Idempotency-Key": ["Must be 1 to 255 visible ASCII characters."]})
            try:
                with unit_of_work():
                    return replay_or_run(partial(view, **values), scoped_operation(operation), key)
            except OperationalError as error:
                if is_lock_timeout(error):
                    raise still_running() from error
                raise

        vars(written)["writes"] = operation  # read by the docs
        return written

    return decorate


def scoped_operation(operation: str) -> str:
    """The scope of a key: an operation and, if the path names one, a task, whatever the case of its id.

    With a task's id it has at most 100 characters. For what is no id nothing is ever stored; it is quoted
    because not even a search for NUL is possible.
    """
    ids = (request.view_args or {}).values()
    return ":".join((operation, *(quote(name.lower()) for name in ids)))


def replay_or_run(answer: Callable[[], Response], operation: str, key: str) -> Response:
    """The answer that is stored; or else a new one, which is stored now.

    Raises:
        Problem: 422, it was stored for another payload.
    """
    fingerprint = sha256(request.query_string + g.body).digest()
    this_key = {"user": current_user().id, "operation": operation, "name": key}
    row = fetch_one(SELECT_STORED, **this_key)
    stored = Stored._make(row) if row else None
    if stored and is_fresh(stored.created_at):
        if bytes(stored.fingerprint) != fingerprint:
            raise key_reused()
        return replay(stored)
    if stored:
        execute(DELETE_STORED, **this_key)
    response = answer()
    store(response, operation, key, fingerprint)
    return response


def is_fresh(created_at: datetime) -> bool:
    lifetime: timedelta = current_app.extensions["idempotency_lifetime"]
    return current_work().moment - created_at < lifetime


def store(response: Response, operation: str, key: str, fingerprint: bytes) -> None:
    work, location = current_work(), response.headers.get("Location")
    execute(
        INSERT_STORED,
        user_id=current_user().id,
        endpoint=operation,
        key=key,
        fingerprint=fingerprint,
        status=response.status_code,
        body=response.get_data(),
        etag=response.headers.get("ETag"),
        location=location and below_prefix(location),
        created_at=work.moment,
    )
    work.is_worth_committing = True


def replay(stored: Stored) -> Response:
    """The first answer again; nothing is written, so the write raises no revision."""
    body, status = bytes(stored.body), stored.status
    response = Response(body, status, mimetype="application/json") if body else empty_response(status)
    if stored.etag:
        response.headers["ETag"] = stored.etag
    if stored.location:
        response.headers["Location"] = request.script_root + below_prefix(stored.location)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def below_prefix(location: str) -> str:
    """A resource's address without the path that the service is mounted below, which may have any length."""
    return location[location.rindex("/api/") :]


def key_reused() -> Problem:
    detail = "This Idempotency-Key was used with another payload."
    return Problem(422, "idempotency_key_reused", detail)


def still_running() -> Problem:
    detail = "Another write, perhaps the first with this Idempotency-Key, is still running."
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return Problem(409, "idempotency_conflict", detail, headers=headers)
