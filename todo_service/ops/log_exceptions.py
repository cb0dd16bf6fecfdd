"""Exceptions as logs tell them: type, place and, where that is safe, message.

A message may quote what people write or sign in with: PostgreSQL's shows the whole row that it refuses. Safe
are those that we wrote ourselves, and so know; all others are told at LOG_LEVEL=DEBUG only.
"""

import json
import traceback
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from structlog.typing import ExcInfo

PACKAGE = __name__.partition(".")[0]


def as_list(exc_info: ExcInfo, *, every_message: bool) -> list[dict[str, Any]]:
    """The exception, then what it was raised from, down to the first: `type`, `message`, `at` of each."""
    return [describe(error, every_message) for error in chain(exc_info[1])]


def as_text(exc_info: ExcInfo, *, every_message: bool) -> str:
    """The same for people, in lines that are indented, and so not to be taken for lines of the log."""
    lines = []
    for described in as_list(exc_info, every_message=every_message):
        message = f": {one_line(described['message'])}" if "message" in described else ""
        lines += [f"  {described['type']}{message}", *(f"    {frame}" for frame in described["at"])]
    return "\n".join(lines)


def one_line(text: str) -> str:
    """The text, quoted as JSON if it would not stay on its line or moves the cursor of a terminal."""
    return text if text.isprintable() else json.dumps(text)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes, as tracebacks show them (PEP 3134, PEP 415), but never one of them twice:
    causes may go in a circle."""
    seen: set[int] = set()
    while error and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def describe(error: BaseException, every_message: bool) -> dict[str, Any]:
    cls = type(error)
    described: dict[str, Any] = {"type": f"{cls.__module__}.{cls.__qualname__}"}
    if code := getattr(error, "pgcode", None):  # SQLSTATE, which says as much as the message
        described["type"] += f" {code}"
    if every_message or cls.__module__.partition(".")[0] == PACKAGE:
        described["message"] = str(error)
    # Without the lines of source, which would be read from disk.
    frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False)
    return described | {
        "at": [f"{short_path(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    }


def short_path(file: str) -> str:
    """The end of a file's path, which is enough to find it."""
    return "/".join(PurePath(file).parts[-2:])
