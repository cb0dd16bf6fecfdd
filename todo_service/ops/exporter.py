"""The metrics exporter: the sums over all processes of the service, for Prometheus, on a port of their own.

Every process would serve them, whatever server it is of; the one that holds a lock does, and so answers also
while all threads are busy with requests. When it goes, the kernel frees the lock, and another takes over.
"""

import fcntl
import logging
import os
import struct
import time
from collections.abc import Iterable
from pathlib import Path
from threading import Thread

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from todo_service.ops.metrics_directory import VARIABLE

log = logging.getLogger(__name__)

RETRY_SECONDS = 1
LOG_AFTER_FAILURES = 3  # attempts in vain
READ_ATTEMPTS = 50  # at a file that is not yet what it will be
READ_PAUSE_SECONDS = 0.01


class AllProcesses(Collector):
    """The sums over all files, also while a process is only just making one."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def collect(self) -> Iterable[Metric]:
        for _ in range(READ_ATTEMPTS):
            try:
                files = [str(file) for file in self.directory.glob("*.db") if is_counted(file)]
                return list(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]  # not typed there
            except (struct.error, ValueError):
                time.sleep(READ_PAUSE_SECONDS)
        return []


def is_counted(file: Path) -> bool:
    """Whether what a process has noted is still so. What it has counted always is; what it is in the middle
    of (`gauge_live*_<pid>.db`) ends with it. The file stays: the directory may not be ours."""
    return not file.name.startswith("gauge_live") or is_alive(int(file.stem.rpartition("_")[2]))


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, as somebody else
        return True
    return True


def serve(host: str, port: int) -> None:
    """Wait until no other process serves the numbers, and serve them as long as this one lives."""
    directory = Path(os.environ[VARIABLE])
    with (directory / f"exporter-{port}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        listen(host, port, directory).join()


def listen(host: str, port: int, directory: Path) -> Thread:
    """Serve from a thread. While a program that is not ours has the port, say so, and try again: of our own,
    one that lost its lock to a cleaner may have it until it is replaced."""
    registry = CollectorRegistry()
    registry.register(AllProcesses(directory))
    failures = 0
    while True:
        try:
            return start_http_server(port, host, registry)[1]
        except OSError as error:
            failures += 1
            if failures == LOG_AFTER_FAILURES:
                log.error("No metrics are served: METRICS_PORT %d: %s", port, error.strerror)
            time.sleep(RETRY_SECONDS)
