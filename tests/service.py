"""The service in processes of its own, as the README says to run it."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil

from tests.people import token_for

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent

# The last is how coverage measures the processes of a program that it measures.
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_PROCESS_CONFIG")

# What stands in the README, on which only the ports are others.
GUNICORN = "gunicorn"
GRANIAN = "granian"


def command_line(server: str, port: int | str) -> list[str]:
    """The README's command for a server, which for gunicorn takes the port from the settings."""
    (written,) = re.findall(
        rf"^{server} .*?wsgi:app$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    return [word.replace("8000", str(port)) for word in shlex.split(written.replace("\\\n", " "))]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(**variables: str) -> dict[str, str]:
    """An environment in which only these settings are set."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1", **variables}


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one of the environment's commands in the project, and collect what it prints."""
    return subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=ROOT,
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def flask(settings: dict[str, str], *command: str) -> str:
    """Run one of the service's commands under these settings; return what it prints."""
    done = run("flask", *command, **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Service:
    """A running service; `output` is what it wrote so far.

    Args:
        environment: the settings.
        directory: for its log.
        server: what serves it, GUNICORN or GRANIAN.
        options: added to the server's command line.
    """

    def __init__(
        self, environment: dict[str, str], directory: Path, *options: str, server: str = GUNICORN
    ) -> None:
        self.port = free_port()
        program, *arguments = command_line(server, self.port)
        self.command = [str(BIN / program), *options, *arguments]
        self.log = directory / f"{server}-{self.port}.log"
        self.environment = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "WEB_CONCURRENCY": "2",
            **environment,
        }
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=clean_environment(**self.environment),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.http = httpx.Client(base_url=self.url, timeout=30, limits=httpx.Limits(max_connections=200))
        self.wait_until(lambda: self.http.get("/health").status_code == 200)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def output(self) -> str:
        return self.log.read_text()

    def workers(self) -> list[psutil.Process]:
        """The worker processes; there are more of them while some are being replaced."""
        return list(psutil.Process(self.process.pid).children())

    def wait_until(self, condition: Any, seconds: float = 30) -> None:
        """Wait for a condition; connections that fail count as not yet."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if condition():
                    return
            except httpx.TransportError:
                pass
            assert self.process.poll() is None, self.output
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s; the service says:\n{self.output}")

    def call(self, user: str, method: str, path: str = "/api/tasks", **kwargs: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token_for(user)}", **kwargs.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **kwargs)

    def send(self, raw: bytes, wait: float = 10, *, ends: bool = False) -> bytes:
        """Send bytes as they are on a connection of their own, and if it `ends` there, say that no more will
        come; return what comes until it is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as connection:
            connection.sendall(raw)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            received = b""
            try:
                while chunk := connection.recv(65536):
                    received += chunk
            except TimeoutError:
                pass
            return received
