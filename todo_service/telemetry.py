"""What is measured of each request: told in its log line, and counted by the metrics."""

import logging
import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from hashlib import sha256
from time import perf_counter
from typing import Any

from flask import Flask, Response, g, request
from prometheus_client import Histogram
from sqlalchemy import event

from todo_service import logs, metrics
from todo_service.config import Settings
from todo_service.extensions import db

log = logging.getLogger("todo_service.requests")

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Seen:
    """What one request has taken so far."""

    __slots__ = ("asked_at", "database_seconds", "sent", "started", "statements")

    def __init__(self) -> None:
        self.started = perf_counter()
        self.statements = 0
        self.database_seconds = 0.0
        self.asked_at = 0.0
        self.sent = 0  # bytes of the answer's body

    def asks(self) -> None:
        self.asked_at = perf_counter()

    def is_answered(self) -> None:
        self.statements += 1
        self.database_seconds += perf_counter() - self.asked_at


def init_app(app: Flask, settings: Settings) -> None:
    counts = bool(settings.metrics_port)
    with app.app_context():
        watch(db.engine)

    @app.before_request
    def begin() -> None:
        g.seen = Seen()

    @app.after_request
    def end(response: Response) -> Response:
        seen: Seen = g.seen
        about = describe(response)
        if response.is_streamed and not response.direct_passthrough:
            response.response = counted(response.response, seen)  # type: ignore[arg-type]  # bytes, when streamed
            response.call_on_close(lambda: tell(seen, about, counts))
        else:
            seen.sent = 0 if request.method == "HEAD" else response.content_length or 0
            tell(seen, about, counts)
        return response


def watch(engine: Any) -> None:
    """Count and time every statement that is part of a request."""

    def asks(*_: Any) -> None:
        if seen := g.get("seen"):
            seen.asks()

    def is_answered(*_: Any) -> None:
        if seen := g.get("seen"):
            seen.is_answered()

    event.listen(engine, "before_cursor_execute", asks)
    event.listen(engine, "after_cursor_execute", is_answered)
    event.listen(engine, "handle_error", is_answered)


def describe(response: Response) -> dict[str, Any]:
    """What there is to tell of a request before its answer is sent."""
    caller, rule = g.get("caller"), request.url_rule
    return {
        **logs.ids(),
        "method": request.method,
        "route": template(rule.rule) if rule else None,
        "status": response.status_code,
        "user_id": named(caller.id) if caller else None,
    }


def named(user_id: str) -> str:
    """The user's id; where an auth server makes that of an e-mail address, its digest."""
    return f"sha256:{sha256(user_id.encode()).hexdigest()}" if "@" in user_id else user_id


@cache
def template(rule: str) -> str:
    """`/api/tasks/<task:id>` as it is usually written: `/api/tasks/{id}`."""
    return re.sub("<(?:[^<>]*:)?([^<>]*)>", r"{\1}", rule)


def counted(chunks: Iterable[bytes], seen: Seen) -> Iterator[bytes]:
    for chunk in chunks:
        seen.sent += len(chunk)
        yield chunk


def tell(seen: Seen, about: dict[str, Any], counts: bool) -> None:
    seconds = perf_counter() - seen.started
    if counts:
        duration, statements = counters(about["method"], about["route"], about["status"])
        duration.observe(seconds)
        statements.observe(seen.statements)
    level = level_of(about["status"])
    if log.isEnabledFor(level):
        measured = {
            "duration_ms": round(seconds * 1000, 2),
            "bytes": seen.sent,
            "db_statements": seen.statements,
            "db_ms": round(seen.database_seconds * 1000, 2),
        }
        log.handle(logs.RequestLine(log.name, level, about | measured))


@lru_cache(1000)
def counters(method: str, route: str | None, status: int) -> tuple[Histogram, Histogram]:
    """What counts the requests of a kind: how long they took, and how many statements."""
    method, route = method if method in METHODS else "other", route or "none"
    return metrics.requests.labels(method, route, status), metrics.statements.labels(method, route)


def level_of(status: int) -> int:
    if status == 503:  # something else is away, which is said in a line of its own
        return logging.WARNING
    return logging.ERROR if status >= 500 else logging.INFO
