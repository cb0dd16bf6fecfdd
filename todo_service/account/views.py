"""The account: what is held of the current user, to see, to take along and to erase (contract §8)."""

from collections.abc import Iterable, Iterator
from datetime import datetime, time
from math import ceil
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from flask import Blueprint, Response, request
from sqlalchemy import Integer, bindparam, case, func, select
from werkzeug.wsgi import FileWrapper

from todo_service.account.erasure import erase
from todo_service.account.export import FORMATS
from todo_service.account.schemas import AccountSchema, EraseInput, ExportParameters, ExportSchema
from todo_service.api.contract import returns, serves, takes
from todo_service.auth import rate_limit
from todo_service.auth.bearer import signed_in
from todo_service.auth.current_user import current_user
from todo_service.db import deadlines
from todo_service.db.transactions import USER, fetch, fetch_one, snapshot
from todo_service.models import IS_DUE_ON_A_DAY, TASK_COLUMNS, Task, TaskRow, User, UtcDateTime, utc_now

blueprint = Blueprint("account", __name__, url_prefix="/api/account")

CHUNK = 1000  # tasks read, and held in memory, at once
EXPORT_SECONDS = 60
SPOOL_BYTES = 1024 * 1024  # bytes of an export; what is larger waits on the disk

# What is due before is overdue: moments before now, days before today in UTC.
OVERDUE_BEFORE = case(
    (IS_DUE_ON_A_DAY, bindparam("today", type_=UtcDateTime())), else_=bindparam("now", type_=UtcDateTime())
)
TASK_COUNTS = {
    "total": func.count(Task.id),
    "pending": func.count(Task.id).filter(~Task.completed),
    "completed": func.count(Task.id).filter(Task.completed),
    "overdue": func.count(Task.id).filter(~Task.completed, Task.due_date < OVERDUE_BEFORE),
}
ACCOUNT = (
    select(User.email, User.name, User.created_at, *TASK_COUNTS.values())
    .outerjoin(Task, Task.user_id == User.id)
    .where(User.id == USER)
    .group_by(User.id)
)
FIRST_TASKS = (
    select(*TASK_COLUMNS)
    .where(Task.user_id == USER)
    .order_by(Task.id)
    .limit(bindparam("chunk", type_=Integer))
)
NEXT_TASKS = FIRST_TASKS.where(Task.id > bindparam("last"))


@blueprint.get("")
@signed_in
@takes()
@returns(AccountSchema())
def read_account() -> dict[str, Any]:
    """Read your account. It tells who you are, and how many tasks you have."""
    return account()


@blueprint.get("/export")
@signed_in
@takes(query=ExportParameters())
@serves("text/csv", "text/calendar", json=ExportSchema())
def export_account(format: str) -> Response:
    """Take everything along that is held of you: as JSON, as CSV for spreadsheets or as iCalendar tasks.
    CSV cells that a spreadsheet would run as formulas begin with an apostrophe."""
    export_format = FORMATS[format]
    deadlines.begin_request(EXPORT_SECONDS)
    with snapshot():  # so that it is of one moment, and no connection waits for the client
        account_data = account()
        rate_limit.hit_as(ceil(account_data["tasks"]["total"] / CHUNK))  # contract §7
        file = spool(export_format.write(account_data, tasks_in_chunks()))
    answer = Response(read_and_close(file), mimetype=export_format.media_type)
    answer.content_length = file.tell()
    answer.headers["Content-Disposition"] = f'attachment; filename="tasks.{format}"'
    answer.call_on_close(file.close)
    if request.method == "HEAD":  # nobody reads it
        file.close()
    else:
        file.seek(0)
    return answer


@blueprint.delete("")
@signed_in
@takes(EraseInput())
@returns(status=204)
def erase_account(data: dict[str, str]) -> None:
    """Erase your account. All that is held of you is gone for good."""
    erase(current_user().id)


def account() -> dict[str, Any]:
    """What is known of the current user; before the first write, what the token says."""
    user, moment = current_user(), utc_now()
    today = datetime.combine(moment, time())
    found = fetch_one(ACCOUNT, user=user.id, now=moment, today=today)
    email, name, created_at, *counts = found or (user.email, user.name, None, 0, 0, 0, 0)
    return {
        "user_id": user.id,
        "email": email,
        "name": name,
        "created_at": created_at,
        "tasks": dict(zip(TASK_COUNTS, counts, strict=True)),
    }


def spool(chunks: Iterable[bytes]) -> IO[bytes]:
    """The chunks in a file; what fails on the way fails before anything is answered."""
    file = SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115  # it is closed with the answer
    try:
        file.writelines(chunks)
    except BaseException:
        file.close()
        raise
    return file


def read_and_close(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        yield from FileWrapper(file)


def tasks_in_chunks() -> Iterator[list[TaskRow]]:
    """The current user's tasks by their ids."""
    rows = fetch(FIRST_TASKS, user=current_user().id, chunk=CHUNK)
    while rows:
        yield [TaskRow._make(row) for row in rows]
        rows = fetch(NEXT_TASKS, user=current_user().id, chunk=CHUNK, last=rows[-1].id)
