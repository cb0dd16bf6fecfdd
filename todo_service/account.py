"""The account: what is held of the current user, to see, to take along and to erase (contract §8)."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from flask import Blueprint, Response, current_app, g
from sqlalchemy import Integer, bindparam, func, select

from todo_service.auth import caller, signed_in
from todo_service.contract import returns, serves, takes
from todo_service.erasure import erase
from todo_service.export import FORMATS
from todo_service.models import SHOWN, Task, TaskRow, User, now
from todo_service.schemas import AccountSchema, EraseSchema, ExportParameters, ExportSchema
from todo_service.statements import USER, Statement

blueprint = Blueprint("account", __name__, url_prefix="/api/account")

CHUNK = 1000  # tasks read, and held in memory, at once

COUNTS = {
    "total": func.count(Task.id),
    "pending": func.count(Task.id).filter(~Task.completed),
    "completed": func.count(Task.id).filter(Task.completed),
    "overdue": func.count(Task.id).filter(~Task.completed, Task.due_date < bindparam("now")),
}
KNOWN = Statement(
    select(User.email, User.name, User.created_at, *COUNTS.values())
    .outerjoin(Task, Task.user_id == User.id)
    .where(User.id == USER)
    .group_by(User.id)
)
MY_TASKS = (
    select(*SHOWN).where(Task.user_id == USER).order_by(Task.id).limit(bindparam("chunk", type_=Integer))
)
FIRST_TASKS = Statement(MY_TASKS)
NEXT_TASKS = Statement(MY_TASKS.where(Task.id > bindparam("last")))


@blueprint.get("")
@signed_in
@takes()
@returns(AccountSchema())
def read_account() -> dict[str, Any]:
    """Read your account: who you are, and how many tasks you have."""
    return account()


@blueprint.get("/export")
@signed_in
@takes(query=ExportParameters())
@serves("text/csv", "text/calendar", json=ExportSchema())
def export_account(format: str) -> Response:
    """Take everything along that is held of you: as JSON, as CSV for spreadsheets or as iCalendar tasks.
    CSV cells that a spreadsheet would run as formulas begin with an apostrophe."""
    kind = FORMATS[format]
    known, chunks = account(), tasks_in_chunks(caller().id)
    first = next(chunks, [])  # what fails until here is still answered properly
    answer = Response(kind.write(known, chain([first], chunks)), mimetype=kind.media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="tasks.{format}"'
    return answer


@blueprint.delete("")
@signed_in
@takes(EraseSchema())
@returns(status=204)
def erase_account(fields: dict[str, str]) -> None:
    """Erase your account. All that is held of you is gone for good."""
    erase(caller().id)


def account() -> dict[str, Any]:
    """What is known of the current user; nothing, before the first write."""
    found = KNOWN.row(user=caller().id, now=now())
    email, name, created_at, *counts = found or (None, None, None, 0, 0, 0, 0)
    return {
        "user_id": caller().id,
        "email": email,
        "name": name,
        "created_at": created_at,
        "tasks": dict(zip(COUNTS, counts, strict=True)),
    }


def tasks_in_chunks(user_id: str) -> Iterator[list[TaskRow]]:
    """A user's tasks by their ids. They are read as they are sent, when the request's own context is gone;
    no connection is held between two chunks."""
    app, seen = current_app._get_current_object(), g.seen  # type: ignore[attr-defined]  # of the proxy
    last = None
    while True:
        with app.app_context():
            g.seen = seen
            statement = FIRST_TASKS if last is None else NEXT_TASKS
            rows = statement.rows(user=user_id, last=last, chunk=CHUNK)
        if not rows:
            return
        yield [TaskRow._make(row) for row in rows]
        last = rows[-1][0]
