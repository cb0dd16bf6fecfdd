"""`Idempotency-Key`: a write that is sent again is answered again, and done once (contract §6)."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from hashlib import sha256
from typing import Any, NamedTuple

from flask import Flask, Response, current_app, g, request
from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.exc import OperationalError

from todo_service.api.problems import Problem, invalid
from todo_service.auth.bearer import current_user
from todo_service.config import Settings
from todo_service.db.availability import is_lock_timeout
from todo_service.db.transactions import USER, execute, fetch_one
from todo_service.models import StoredResponse
from todo_service.writes.revisions import current_work, writes

KEY = re.compile("[!-~]{1,255}")  # visible ASCII
RETRY_SECONDS = 1

# The operations under whose names answers are stored. They outlive a deploy: never change one.
CREATE_TASK = "tasks.create_task"
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


def writes_once(operation: str) -> Callable[[View], View]:
    """Run the view as one write, at most once for each `Idempotency-Key` of a user and operation.

    The answer is stored in the write's own transaction, under the lock of the user's row that every
    write takes first: so a retry waits for the request it repeats, and then finds its answer. Only
    answers of success are stored; a refused request leaves its key free.

    Args:
        operation: the name under which answers are stored. It outlives a deploy, whatever the view is called.
    """

    def decorate(view: View) -> View:
        once = writes(replayed(view, operation))
        without_key = writes(view)

        @wraps(view)
        def written(**values: Any) -> Response:
            key = request.headers.get("Idempotency-Key")
            if key is None:
                return without_key(**values)
            if not KEY.fullmatch(key):
                raise invalid({"Idempotency-Key": ["Must be 1 to 255 visible ASCII characters."]})
            try:
                return once(**values)
            except OperationalError as error:
                if is_lock_timeout(error):
                    raise still_running() from error
                raise

        written.writes_once = True  # type: ignore[attr-defined]  # read by the docs
        return written

    return decorate


def replayed(view: View, operation: str) -> View:
    @wraps(view)
    def answered(**values: Any) -> Response:
        fingerprint, moment = sha256(g.body).digest(), current_work().moment
        name = {"user": current_user().id, "operation": operation, "name": request.headers["Idempotency-Key"]}
        row = fetch_one(FIND, **name)
        stored = Stored._make(row) if row else None
        if stored and is_fresh(stored.created_at, moment):
            if bytes(stored.fingerprint) != fingerprint:
                raise reused()
            return replay(stored)
        if stored:
            execute(FORGET, **name)
        response = view(**values)
        keep(response, operation, fingerprint, moment)
        return response

    return answered


def is_fresh(created_at: datetime, moment: datetime) -> bool:
    lifetime: timedelta = current_app.extensions["idempotency_lifetime"]
    return moment - created_at < lifetime


def keep(response: Response, operation: str, fingerprint: bytes, moment: datetime) -> None:
    execute(
        KEEP,
        user_id=current_user().id,
        endpoint=operation,
        key=request.headers["Idempotency-Key"],
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
    response = Response(bytes(stored.body), stored.status, mimetype="application/json")
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
