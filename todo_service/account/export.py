"""The forms in which people take their tasks along. Each is written piece by piece, as it is read."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from typing import Any

from icalendar import Calendar, Todo

from todo_service.account.schemas import AccountSchema
from todo_service.api.json_response import json_bytes
from todo_service.models import TaskRow
from todo_service.tasks.schemas import TaskSchema

Account = dict[str, Any]
Chunks = Iterable[list[TaskRow]]

TASKS = TaskSchema(many=True)
ACCOUNT = AccountSchema()

# What a spreadsheet takes for a formula, also in full width or behind white space; and what moves it there.
FORMULA = re.compile("[\t\r\n]|\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20]")

NO_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f]")  # RFC 5545 §3.1: control characters that TEXT may not hold
NEW_LINE = re.compile("\r\n?")
CALENDAR_PRIORITY = {3: 1, 2: 5, 1: 9, None: None}  # RFC 5545 §3.8.1.9: 1 is the highest


@dataclass(frozen=True)
class Format:
    media_type: str
    write: Callable[[Account, Chunks], Iterator[bytes]]


def as_json(account: Account, chunks: Chunks) -> Iterator[bytes]:
    yield b'{"account":' + json_bytes(ACCOUNT.dump(account)) + b',"tasks":['
    for number, tasks in enumerate(chunks):
        members = json_bytes(TASKS.dump(tasks))[1:-1]
        yield b"," + members if number else members
    yield b"]}"


def as_csv(_account: Account, chunks: Chunks) -> Iterator[bytes]:
    """RFC 4180, with a header."""
    columns = list(TaskSchema().fields)
    yield lines([columns])
    for tasks in chunks:
        yield lines([cell(task[name]) for name in columns] for task in TASKS.dump(tasks))


def lines(rows: Iterable[list[str]]) -> bytes:
    written = StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


def cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if FORMULA.match(str(value)) else str(value)


def as_ics(_account: Account, chunks: Chunks) -> Iterator[bytes]:
    """RFC 5545: a calendar of VTODOs."""
    calendar = Calendar({"version": "2.0", "prodid": "-//todo-service//tasks//EN"})
    head, end, tail = calendar.to_ical().partition(b"END:VCALENDAR")
    yield head
    for tasks in chunks:
        yield b"".join(todo(task).to_ical() for task in tasks)
    yield end + tail


def todo(task: TaskRow) -> Todo:
    members = {
        "uid": task.id,
        "dtstamp": utc(task.updated_at),
        "created": utc(task.created_at),
        "last-modified": utc(task.updated_at),
        "summary": text(task.title),
        "status": "COMPLETED" if task.completed else "NEEDS-ACTION",
        "description": text(task.description) if task.description else None,
        "priority": CALENDAR_PRIORITY[task.priority],
        "due": utc(task.due_date),
        "completed": utc(task.completed_at),
    }
    entry = Todo()
    for name, value in members.items():
        if value is not None:
            entry.add(name, value)
    return entry


def utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


def text(value: str) -> str:
    return NO_TEXT.sub("", NEW_LINE.sub("\n", value))


FORMATS = {
    "json": Format("application/json", as_json),
    "csv": Format("text/csv", as_csv),
    "ics": Format("text/calendar", as_ics),
}
