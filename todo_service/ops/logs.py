"""Logs: one line for each request and each event, as JSON or for people, by structlog.

Two ways lead to standard error, both by `line_processors`, and so in one form. Events go through `logging`,
where Sentry or OpenTelemetry may listen. The line of a request goes directly, which costs a fifth of that.

A line never holds what people write or sign in with: no title, description, e-mail address, token or secret.
"""

import json
import logging
import re
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import orjson
import structlog
from structlog.contextvars import merge_contextvars
from structlog.dev import Column, ConsoleRenderer, KeyValueColumnFormatter
from structlog.processors import ExceptionRenderer, JSONRenderer, TimeStamper
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_logger_name
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from todo_service.config import ENV_FILE_ERRORS, Settings
from todo_service.ops import log_exceptions

log = logging.getLogger(__name__)

REQUESTS = "todo_service.requests"  # the logger that a request's line names

# Standard error itself: in UTF-8 whatever the locale, and whatever a test or click puts into `sys.stderr`.
STDERR = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115  # stays open
HANDLER = logging.StreamHandler(STDERR)  # one, however many applications a process makes

LEADING_KEYS: dict[str, Any] = dict.fromkeys(("time", "level", "logger", "message"))

# gunicorn's messages of which the rest quotes a request: a header field, the address.
QUOTING = re.compile("(?P<kept>Invalid request from [^ ]*(?=: )|Error handling request).*", re.DOTALL)
# Left out: what Alembic says each time it looks; werkzeug's own line of a request, which quotes the address.
UNREPORTED = re.compile(r'Context impl |Will assume |.* - - \[[^]]*\] "%s"')


# ---- the form


def line_processors(settings: Settings) -> list[Processor]:
    """The processors of every line, whoever wrote it: from an event to text."""
    is_json = settings.log_format == "json"
    render_exception = log_exceptions.as_list if is_json else log_exceptions.as_text
    return [
        TimeStamper(fmt="iso", utc=True, key="time"),
        ExceptionRenderer(partial(render_exception, every_message=settings.log_level == "DEBUG")),
        lead_keys,
        cast(Processor, JSONRenderer(to_json, default=str)) if is_json else console_renderer(),
    ]


def lead_keys(_: Any, method: str, event: EventDict) -> EventDict:
    """First what every line has, for whoever reads them one below another."""
    message = event.pop("event")
    return {**LEADING_KEYS, **event, "level": method.upper(), "message": message}


def to_json(event: EventDict, default: Callable[[Any], Any]) -> str:
    try:
        return orjson.dumps(event, default=default).decode()
    except TypeError:  # half of a surrogate pair, or an integer beyond 64 bits: Python's own writes both
        return json.dumps(event, default=default)


def console_renderer() -> ConsoleRenderer:
    """Words on a line; text that could pretend to be another line is quoted."""
    bare = partial(KeyValueColumnFormatter, key_style=None, value_style="", reset_style="")
    columns = [
        Column("time", bare(value_repr=str)),
        Column("level", bare(value_repr=str, width=len("WARNING"))),
        Column("message", bare(value_repr=lambda value: log_exceptions.one_line(str(value)))),
        Column("", KeyValueColumnFormatter("", "", "", value_repr=one_word)),
    ]
    return ConsoleRenderer(columns=columns, sort_keys=False)


def one_word(value: object) -> str:
    text = str(value)
    return json.dumps(text) if " " in text else log_exceptions.one_line(text)


# ---- the ways to it


def configure(settings: Settings) -> None:
    """Write everything that is logged in this process to standard error, in one form."""
    HANDLER.addFilter(is_reported)
    HANDLER.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[merge_contextvars, add_logger_name, ExtraAdder(), without_quoted_request],
            processors=[ProcessorFormatter.remove_processors_meta, *line_processors(settings)],
        )
    )
    server = logging.getLogger("gunicorn.error")
    server.propagate = False  # as gunicorn itself has it, so that it needs the handler too
    for logger in (logging.getLogger(), server):
        logger.addHandler(HANDLER)
    for name in ("todo_service", "alembic"):
        logging.getLogger(name).setLevel(settings.log_level)
    while ENV_FILE_ERRORS:  # once, not by each process that the first one makes
        log.warning(".env is passed over, for it cannot be read: %s", ENV_FILE_ERRORS.pop())


def is_reported(record: logging.LogRecord) -> bool:
    return not UNREPORTED.match(str(record.msg))


def without_quoted_request(_: Any, __: str, event: EventDict) -> EventDict:
    """gunicorn's messages without the parts of a request that they quote."""
    if event["logger"] == "gunicorn.error":
        event["event"] = QUOTING.sub(r"\g<kept>", event["event"])
    return event


def request_logger(settings: Settings) -> FilteringBoundLogger:
    """What the line of a request is written with; it names its ids itself. Raises OSError as files do."""
    logger = structlog.wrap_logger(
        structlog.WriteLogger(STDERR),
        processors=line_processors(settings),
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
    )
    return cast(FilteringBoundLogger, logger.bind(logger=REQUESTS))
