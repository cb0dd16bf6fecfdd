"""Export formats, JSON, CSV and iCalendar: each a stream of chunks, so that memory does not grow with it."""

import csv
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import StringIO
from typing import Any

from icalendar import Calendar, Todo

from todo_service.account.schemas import AccountSchema
from todo_service.api.json_response import json_bytes
from todo_service.models import TaskRow, due
from todo_service.tasks.schemas import TaskSchema
from todo_service.tasks.tags import split

Account = dict[str, Any]
Chunks = Iterable[list[TaskRow]]

TASKS = TaskSchema(many=True)
ACCOUNT = AccountSchema()

# Where a spreadsheet takes for a formula what follows, also in full width or behind white space, or what
# moves it there: where a cell begins, and behind each `;`, where in half of the world another one begins.
FORMULA = re.compile('(?:^|(?<=;))(?=[\t\r\n]|[\\s"]*[=+\\-@\uff1d\uff0b\uff0d\uff20])')

# Whatever Unicode ends a line with (UAX #14 and str.splitlines): left alone, programs that heed it would read
# the rest as a line of the calendar's own. RFC 5545 §3.1: TEXT may hold no other control characters.
NEW_LINE = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
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
    """RFC 4180, with a header, behind the byte order mark by which Excel knows UTF-8."""
    columns = list(TaskSchema().fields)
    yield BOM_UTF8 + csv_lines([columns])
    for tasks in chunks:
        yield csv_lines([cell(task[name]) for name in columns] for task in TASKS.dump(tasks))


def csv_lines(rows: Iterable[list[str]]) -> bytes:
    written = StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


def cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, list):
        value = ", ".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return without_formula(str(value))


def without_formula(value: str) -> str:
    """The text with an apostrophe before what would run as a formula, and before itself if it has any: so
    whoever reads the cell sees by its beginning that it was changed."""
    changed = FORMULA.sub("'", value)
    return value if changed == value else "'" + changed.removeprefix("'")


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
        "categories": [text(tag) for tag in split(task.tags)] or None,
        "due": utc(due(task)),
        "completed": utc(task.completed_at),
    }
    entry = Todo()
    for name, value in members.items():
        if value is not None:
            entry.add(name, value)
    return entry


def utc(when: date | None) -> date | None:
    """A moment with its zone, as icalendar wants it; a day as it is, which makes `VALUE=DATE` of it."""
    return when.replace(tzinfo=UTC) if isinstance(when, datetime) else when


def text(value: str) -> str:
    return CONTROL.sub("", NEW_LINE.sub("\n", value))


FORMATS = {
    "json": Format("application/json", as_json),
    "csv": Format("text/csv", as_csv),
    "ics": Format("text/calendar", as_ics),
}
