"""The service and what it is measured against, each as two processes that serve HTTP."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil

from benchmarks.load import Request
from benchmarks.processes import seconds_of, spent
from tests.people import SECRET
from tests.service import BIN, GRANIAN, ROOT, clean_environment, command_line, free_port

THREADED = (
    "gunicorn",
    "--workers=2",
    "--worker-class=gthread",
    "--threads=16",
    "--bind=127.0.0.1:{port}",
    "--no-control-socket",
)
STARTS_WITHIN = 30  # seconds


@dataclass(frozen=True)
class Peer:
    """One of them.

    Args:
        title: what the tables call it.
        schema: of its tables, `service` or `plain`.
        command: what serves it; `{port}` stands for where.
        is_ours: whether it is the service, which has calls that the others lack.
        modules: of Python, without which it cannot run.
        folder: of a peer on Node, where its packages are listed.
    """

    title: str
    schema: str
    command: tuple[str, ...]
    is_ours: bool = False
    modules: tuple[str, ...] = ()
    folder: Path | None = None


ACCESS_LOG = "--access-logfile=-"  # a line for each request, which the others write, too
FASTIFY = ROOT / "benchmarks" / "peers" / "fastify"

PEERS = {
    "service": Peer(
        "this service",
        "service",
        ("gunicorn", f"--config={ROOT}/gunicorn.conf.py", "wsgi:app"),
        is_ours=True,
    ),
    "granian": Peer(
        "this service on Granian", "service", tuple(command_line(GRANIAN, "{port}")), is_ours=True
    ),
    "fastapi": Peer(
        "FastAPI, SQLModel",
        "plain",
        ("uvicorn", "--workers=2", "--port={port}", "benchmarks.peers.fastapi_sqlmodel:app"),
        modules=("fastapi", "sqlmodel", "uvicorn", "uvloop", "httptools"),
    ),
    "async": Peer(
        "FastAPI, asyncpg",
        "plain",
        ("uvicorn", "--workers=2", "--port={port}", "benchmarks.peers.fastapi_async:app"),
        modules=("fastapi", "asyncpg", "uvicorn", "uvloop", "httptools"),
    ),
    "django": Peer(
        "Django REST framework",
        "plain",
        (*THREADED, ACCESS_LOG, "benchmarks.peers.django_rest.wsgi:application"),
        modules=("django", "rest_framework", "rest_framework_simplejwt", "psycopg"),
    ),
    "fastify": Peer("Fastify, pg", "plain", ("node", f"{FASTIFY}/server.js"), folder=FASTIFY),
    "naive": Peer(
        "Flask, usual extensions", "plain", (*THREADED, ACCESS_LOG, "benchmarks.peers.naive_flask:app")
    ),
    "flask": Peer("Flask, SQL by hand", "service", (*THREADED, "benchmarks.peers.floor_flask:app")),
    "wsgi": Peer("bare WSGI", "service", (*THREADED, "benchmarks.peers.floor_wsgi:app")),
}


def settings(port: int, database_url: str) -> dict[str, str]:
    """The service with all it has turned on; of these the others know the secret and the database."""
    return {
        "BETTER_AUTH_SECRET": SECRET,
        "DATABASE_URL": database_url,
        "RATE_LIMIT": "100000000/minute",
        "METRICS_PORT": str(free_port()),
        "LOG_FORMAT": "json",
        "WEB_CONCURRENCY": "2",
        "PORT": str(port),
        "PYTHONPATH": str(ROOT),
    }


class Server:
    """A peer at work; `changes` are to its settings."""

    def __init__(self, peer: Peer, database_url: str, **changes: str) -> None:
        self.port = free_port()
        program, *arguments = (part.format(port=self.port) for part in peer.command)
        self.command = [shutil.which(program, path=BIN) or program, *arguments]
        self.environment = clean_environment(**(settings(self.port, database_url) | changes))
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=STARTS_WITHIN)

    def __enter__(self) -> Self:
        # Not in the project, where each gunicorn would find the service's configuration.
        self.directory = tempfile.TemporaryDirectory(prefix="todo-bench-")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.http.close()
        self.directory.cleanup()

    def start(self) -> None:
        """Start it, and wait until it is well and does nothing any more."""
        self.launch()
        self.wait_until(lambda: self.is_healthy() and self.is_quiet())

    def launch(self) -> None:
        self.log = Path(self.directory.name) / "log"
        with self.log.open("w") as written:
            self.running = subprocess.Popen(
                self.command,
                cwd=self.directory.name,
                env=self.environment,
                stdout=written,
                stderr=subprocess.STDOUT,
            )
        self.process = psutil.Process(self.running.pid)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + STARTS_WITHIN
        while not condition():
            if self.running.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self.log.read_text()[-2000:])

    def stop(self) -> None:
        started = [self.process, *self.process.children(recursive=True)]
        self.running.terminate()
        for process in psutil.wait_procs(started, timeout=10)[1]:
            process.kill()
        self.running.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def is_quiet(self) -> bool:
        """Whether none of its processes is still starting."""
        before = seconds_of(self.process)
        time.sleep(0.2)
        return sum(spent(before, seconds_of(self.process))) < 0.05

    def is_healthy(self, within: float = STARTS_WITHIN) -> bool:
        """Whether it answers to `/health` in time, on a connection of its own."""
        try:
            return httpx.get(f"{self.http.base_url}/health", timeout=within).is_success
        except httpx.TransportError:
            return False

    def send(self, request: Request) -> httpx.Response:
        return self.http.request(
            request.method, request.path, content=request.body or None, headers=request.all_headers()
        )
