"""`Idempotency-Key`: a write that is sent again is answered again, and done once (contract §6)."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import quote

from flask import Flask, Response, current_app, g, request
from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.exc import OperationalError

from todo_service.api.contract import empty
from todo_service.api.problems import Problem, invalid
from todo_service.auth.bearer import current_user
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
FIND = select(*(StoredResponse.__table__.c[name] for name in Stored._fields)).where(*THIS_KEY)
FORGET = delete(StoredResponse).where(*THIS_KEY)
KEEP = insert(StoredResponse)


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
                with unit_of_work() as work:
                    return once(lambda: view(**values), place(operation), key, work.moment)
            except OperationalError as error:
                if is_lock_timeout(error):
                    raise still_running() from error
                raise

        vars(written)["writes"] = operation  # read by the docs
        return written

    return decorate


def place(operation: str) -> str:
    """Where a key counts: an operation and, if the path names one, a task, whatever the case of its id.

    For a task it has at most 100 characters; of what cannot be an id no answer is ever stored.
    """
    ids = (request.view_args or {}).values()
    return ":".join((operation, *(quote(name.lower()) for name in ids)))


def once(answer: Callable[[], Response], operation: str, key: str, moment: datetime) -> Response:
    """The answer that is stored; or else a new one, which is stored now."""
    fingerprint = sha256(request.query_string + g.get("body", b"")).digest()
    this_key = {"user": current_user().id, "operation": operation, "name": key}
    row = fetch_one(FIND, **this_key)
    stored = Stored._make(row) if row else None
    if stored and is_fresh(stored.created_at, moment):
        if bytes(stored.fingerprint) != fingerprint:
            raise reused()
        return replay(stored)
    if stored:
        execute(FORGET, **this_key)
    response = answer()
    keep(response, operation, key, fingerprint, moment)
    return response


def is_fresh(created_at: datetime, moment: datetime) -> bool:
    lifetime: timedelta = current_app.extensions["idempotency_lifetime"]
    return moment - created_at < lifetime


def keep(response: Response, operation: str, key: str, fingerprint: bytes, moment: datetime) -> None:
    execute(
        KEEP,
        user_id=current_user().id,
        endpoint=operation,
        key=key,
        fingerprint=fingerprint,
        status=response.status_code,
        body=response.get_data(),
        etag=response.headers.get("ETag"),
        location=response.headers.get("Location"),
        created_at=moment,
    )
    current_work().is_worth_committing = True


def replay(stored: Stored) -> Response:
    """The first answer again; nothing is written, so the write raises no revision."""
    body, status = bytes(stored.body), stored.status
    response = Response(body, status, mimetype="application/json") if body else empty(status)
    for name, value in (("ETag", stored.etag), ("Location", stored.location)):
        if value is not None:
            response.headers[name] = value
    response.headers["Idempotency-Replayed"] = "true"
    return response


def reused() -> Problem:
    detail = "This Idempotency-Key was used with another payload."
    return Problem(422, "idempotency_key_reused", detail)


def still_running() -> Problem:
    detail = "Another write, perhaps the first with this Idempotency-Key, is still running."
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return Problem(409, "idempotency_conflict", detail, headers=headers)
