"""What is counted, for Prometheus: of all workers together, on a port of its own.

The workers write their numbers to files that they share (PROMETHEUS_MULTIPROC_DIR, which
gunicorn.conf.py sets before anything is counted); gunicorn's first process reads and serves them, and so
answers also while every worker is busy.
"""

import struct
import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

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
    "Requests being answered, or waiting for a thread.",
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
pool_waits = Counter("todo_pool_waits", "Times that a request found no connection free and had to wait.")
pool_timeouts = Counter("todo_pool_timeouts", "Times that it waited in vain.")
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

# How to find out what some of these are now. The worker does so twice a second: to note each change would
# take four writes a request.
sampled: dict[Gauge, Callable[[], float]] = {}


def sample() -> None:
    """Note how things stand in this process."""
    for gauge, number in sampled.items():
        gauge.set(number())


class Shared(MultiProcessCollector):
    """The sums over all files, also while a worker is only just making one."""

    patience = 50  # looks at a file that is not yet what it will be

    def collect(self) -> Iterable[Metric]:
        for _ in range(self.patience):
            try:
                return list(super().collect())  # type: ignore[no-untyped-call]  # the library has not typed it
            except (struct.error, ValueError):
                time.sleep(0.01)
        return []


def serve(host: str, port: int) -> None:
    """Serve the numbers of all workers from a thread of this process.

    Raises:
        OSError: the port is taken.
    """
    registry = CollectorRegistry()
    Shared(registry)  # type: ignore[no-untyped-call]  # the library has not typed it
    start_http_server(port, host, registry)


def forget(process: int) -> None:
    """Take what a process was in the middle of out of the sums; what it has counted stays."""
    mark_process_dead(process)  # type: ignore[no-untyped-call]  # nor this
