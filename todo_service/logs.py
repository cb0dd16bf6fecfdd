"""What is logged: a line for each request and event, as JSON, or readable for people.

A line never holds what people write or sign in with: no title, description, e-mail address, token or
secret. So an exception is told by its kind and place, and not by its message, which may quote any of them.
"""

import json
import logging
import os
import re
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePath
from random import getrandbits
from typing import Any

import orjson
from flask import g, has_request_context, request

from todo_service.config import Settings

HANDLER = "todo_service"
STANDARD_ERROR = 2

SANE_ID = re.compile("[A-Za-z0-9._-]{1,64}")
# W3C Trace Context §3.2.2; a later version may say more after these four fields.
TRACE = re.compile(
    "(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?P<more>-.*)?"
)

Fields = dict[str, Any]


def request_id() -> str:
    """The id of the request being answered: the client's own if it is sane, else a new one."""
    known: str | None = g.get("request_id")
    if known is None:
        sent = request.environ.get("HTTP_X_REQUEST_ID")
        g.request_id = known = sent if sent and SANE_ID.fullmatch(sent) else f"{getrandbits(128):032x}"
    return known


def trace_id() -> str | None:
    """The trace that the request is a part of, if its `traceparent` is valid."""
    sent = request.environ.get("HTTP_TRACEPARENT")
    match = TRACE.fullmatch(sent) if sent else None
    if not match or (match["version"] == "00" and match["more"]):
        return None
    return match["trace"]


def ids() -> Fields:
    """By what a line is found: the request's id, and its trace's if it has one."""
    trace = trace_id()
    return {"request_id": request_id(), "trace_id": trace} if trace else {"request_id": request_id()}


BLANK = vars(logging.LogRecord("", 0, "", 0, "request", None, None))


class RequestLine(logging.LogRecord):
    """The record of a request. Others find out from where they are written, which no line tells; to do
    without that, and without the stack it is found in, makes this one ten times as cheap."""

    def __init__(self, logger: str, level: int, fields: Fields) -> None:
        self.__dict__.update(BLANK)
        self.name, self.levelno, self.levelname = logger, level, logging.getLevelName(level)
        self.created = time.time()
        self.fields = fields


class JsonLines(logging.Formatter):
    """Each record as one JSON object; what a caller passes as `extra={"fields": …}` are its members."""

    def format(self, record: logging.LogRecord) -> str:
        return orjson.dumps(members(record), default=str).decode()


class ForPeople(logging.Formatter):
    """Each record as a line of words; text that could pretend to be another line is quoted."""

    def format(self, record: logging.LogRecord) -> str:
        told = members(record)
        exceptions = told.pop("exception", [])
        words = [told.pop("time"), f"{told.pop('level'):<7}", told.pop("message")]
        words += [f"{name}={plain(value)}" for name, value in told.items() if value is not None]
        lines = [" ".join(words)]
        for exception in exceptions:
            lines += [f"  {exception['type']}", *(f"    {place}" for place in exception["at"])]
        return "\n".join(lines)


def members(record: logging.LogRecord) -> Fields:
    told = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        "level": record.levelname,
        "logger": record.name,
        "message": message(record),
        **getattr(record, "fields", {}),
    }
    if "request_id" not in told and has_request_context():
        told |= ids()
    if record.exc_info and record.exc_info[1]:
        told["exception"] = [kind_and_place(error) for error in chain(record.exc_info[1])]
    return told


def message(record: logging.LogRecord) -> str:
    """The record's message; gunicorn's without the parts of a request that it quotes: a header, the URL."""
    if isinstance(record, RequestLine):
        return str(record.msg)
    said = record.getMessage()
    if record.name == "gunicorn.error":
        if said.startswith("Invalid request from"):
            said = said.partition(": ")[0]
        elif said.startswith("Error handling request"):
            said = "Error handling request"
    return said.encode(errors="replace").decode()


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error, then what it was raised from, down to the first."""
    cause: BaseException | None = error
    while cause:
        yield cause
        cause = cause.__cause__ or cause.__context__


def kind_and_place(error: BaseException) -> Fields:
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    if code := getattr(error, "pgcode", None):  # SQLSTATE, which says as much as the message
        kind += f" {code}"
    frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False)
    return {"type": kind, "at": [f"{place(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]}


def place(file: str) -> str:
    """The end of a file's path, which is enough to find it."""
    return "/".join(PurePath(file).parts[-2:])


def plain(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text else json.dumps(text)


class Lines(logging.Handler):
    """Writes each line to standard error in one piece, so that no thread has to wait for another's."""

    def createLock(self) -> None:  # noqa: N802  # logging calls it so
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = f"{self.format(record)}\n".encode()
            while line:
                line = line[os.write(STANDARD_ERROR, line) :]
        except Exception:  # noqa: BLE001  # as all of logging: whatever is wrong, the request goes on
            self.handleError(record)


def configure(settings: Settings) -> None:
    """Write everything that is logged in this process to standard error, in one form."""
    # No line tells these, and each record would look for them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = Lines()
    handler.name = HANDLER
    handler.setFormatter(JsonLines() if settings.log_format == "json" else ForPeople())
    root = logging.getLogger()
    for known in [known for known in root.handlers if known.name == HANDLER]:
        root.removeHandler(known)
    root.addHandler(handler)
    logging.getLogger("todo_service").setLevel(settings.log_level)
