"""Telemetry: what is measured of each request, told in its log line and counted by the metrics."""

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache
from hashlib import sha256
from time import perf_counter
from typing import Any

from flask import Flask, Response, g, request
from prometheus_client import Histogram
from sqlalchemy import Engine, QueuePool, event
from structlog.typing import FilteringBoundLogger

from todo_service.config import Settings
from todo_service.extensions import db
from todo_service.ops import logs, metrics, request_ids

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


@dataclass(slots=True)
class RequestStats:
    """What one request has taken so far."""

    started: float = field(default_factory=perf_counter)
    statements: int = 0
    database_seconds: float = 0.0
    executing_since: float | None = None
    bytes_sent: int = 0  # of the answer's body


def init_app(app: Flask, settings: Settings) -> None:
    log = logs.request_logger(settings)
    with_metrics = bool(settings.metrics_port)
    with app.app_context():
        for engine in db.engines.values():
            time_statements(engine)
            if with_metrics and isinstance(engine.pool, QueuePool):
                count_connections(engine, engine.pool)

    @app.before_request
    def begin() -> None:
        g.stats = RequestStats()
        request_ids.bind_ids()

    app.teardown_request(request_ids.unbind_ids)

    @app.after_request
    def end(response: Response) -> Response:
        stats: RequestStats = g.stats
        about = request_event(response)
        if response.is_streamed and not response.direct_passthrough:
            response.response = count_bytes(response.response, stats)  # type: ignore[arg-type]  # bytes, when streamed
            response.call_on_close(lambda: log_request(log, stats, about, with_metrics))
        else:
            stats.bytes_sent = 0 if request.method == "HEAD" else response.content_length or 0
            log_request(log, stats, about, with_metrics)
        return response


def time_statements(engine: Engine) -> None:
    """Count and time every statement of a request, also one that fails; to connect, say, is none."""

    def before_execute(*_: Any) -> None:
        if stats := g.get("stats"):
            stats.executing_since = perf_counter()

    def after_execute(*_: Any) -> None:
        stats: RequestStats | None = g.get("stats")
        if stats and stats.executing_since is not None:
            stats.statements += 1
            stats.database_seconds += perf_counter() - stats.executing_since
            stats.executing_since = None

    event.listen(engine, "before_cursor_execute", before_execute)
    event.listen(engine, "after_cursor_execute", after_execute)
    event.listen(engine, "handle_error", after_execute)


def count_connections(engine: Engine, pool: QueuePool) -> None:
    metrics.pool_size.set(pool.size())
    event.listen(engine, "checkout", lambda *_: metrics.pool_in_use.set(pool.checkedout()))
    event.listen(engine, "checkin", lambda *_: metrics.pool_in_use.set(pool.checkedout() - 1))  # told before


def request_event(response: Response) -> dict[str, Any]:
    """What there is to tell of a request before its answer is sent."""
    user, rule = g.get("current_user"), request.url_rule
    return {
        **request_ids.ids(),
        "method": request.method,
        "route": template(rule.rule) if rule else None,
        "status": response.status_code,
        "user_id": loggable_user_id(user.id) if user else None,
    }


def loggable_user_id(user_id: str) -> str:
    """The user's id; where an auth server makes that of an e-mail address, its digest."""
    return f"sha256:{sha256(user_id.encode()).hexdigest()}" if "@" in user_id else user_id


@cache
def template(rule: str) -> str:
    """`/api/tasks/<task:id>` as it is usually written: `/api/tasks/{id}`."""
    return re.sub("<(?:[^<>]*:)?([^<>]*)>", r"{\1}", rule)


def count_bytes(chunks: Iterable[bytes], stats: RequestStats) -> Iterator[bytes]:
    for chunk in chunks:
        stats.bytes_sent += len(chunk)
        yield chunk


def log_request(
    log: FilteringBoundLogger, stats: RequestStats, about: dict[str, Any], with_metrics: bool
) -> None:
    seconds = perf_counter() - stats.started
    if with_metrics:
        duration, statements = histograms(about["method"], about["route"], about["status"])
        duration.observe(seconds)
        statements.observe(stats.statements)
    with suppress(OSError):  # a disk that is full of logs is no reason to refuse what is done already
        log.log(
            level_of(about["status"]),
            "request",
            **about,
            duration_ms=round(seconds * 1000, 2),
            bytes=stats.bytes_sent,
            db_statements=stats.statements,
            db_ms=round(stats.database_seconds * 1000, 2),
        )


@lru_cache(1000)
def histograms(method: str, route: str | None, status: int) -> tuple[Histogram, Histogram]:
    """What counts the requests of a kind: how long they took, and how many statements."""
    method, route = method if method in METHODS else "other", route or "none"
    return metrics.requests.labels(method, route, status), metrics.statements.labels(method, route)


def level_of(status: int) -> int:
    if status == 503:  # something else is away, which is said in a line of its own
        return logging.WARNING
    return logging.ERROR if status >= 500 else logging.INFO
