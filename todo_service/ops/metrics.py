"""Prometheus metrics. Every process counts for itself, in files; exporter.py adds them up."""

import os

from flask import Flask, g

from todo_service.config import Settings
from todo_service.ops import metrics_directory

if directory := metrics_directory.choose():
    os.environ[metrics_directory.VARIABLE] = directory
    metrics_directory.enter()
else:  # nothing is to be written to one that somebody set for another program
    os.environ.pop(metrics_directory.VARIABLE, None)

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
STATEMENTS = (0, 1, 2, 3, 4, 5, 10, 50, 100, 500)

requests = Histogram(
    "todo_request_seconds",
    "Requests answered, and how long it took, by method, route and status.",
    ("method", "route", "status"),
    buckets=SECONDS,
)
in_flight = Gauge(
    "todo_requests_in_flight",
    "Requests being answered.",
    multiprocess_mode="livesum",
)
statements = Histogram(
    "todo_request_statements", "Database statements of a request.", ("method", "route"), buckets=STATEMENTS
)
pool_size = Gauge(
    "todo_pool_connections_max", "Database connections that the pools may hold.", multiprocess_mode="livesum"
)
pool_in_use = Gauge(
    "todo_pool_connections_in_use", "Database connections in use.", multiprocess_mode="livesum"
)
key_fetches = Counter(
    "todo_key_set_fetches", "Fetches of the auth server's keys; outcome: fetched or failed.", ("outcome",)
)
refusals = Counter(
    "todo_rate_limit_refusals",
    "Requests refused as too many, counted by user or by address.",
    ("counted_by",),
)
storage_failures = Counter(
    "todo_rate_limit_storage_failures", "Times that the rate limits' storage did not answer."
)


def init_app(app: Flask, settings: Settings) -> None:
    """Count the requests in flight, where anybody looks; all else is counted where it happens."""
    if not settings.metrics_port:
        return
    if directory:
        metrics_directory.enter()  # again: this process may be forked from the one that imported this
    for gauge in (in_flight, pool_in_use):
        gauge.set(0)  # an earlier process may have had the same id, and have been killed
    statements.labels("GET", "/health")  # all files are made now, while their directory is sure to be there

    @app.before_request
    def begin() -> None:
        in_flight.inc()
        g.is_in_flight = True

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        if g.pop("is_in_flight", False):
            in_flight.dec()
