"""The service as systemd starts it on a socket of its own (sd_listen_fds(3)), which outlives each start."""

import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.service import ROOT, Service, clean_environment

# What systemd does between fork and exec: the socket becomes descriptor 3, and who it is for is told.
LAUNCH = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""
GRACE = 40  # seconds for a stop; more than running requests get


class Activated(Service):
    """A running service that can be restarted while its socket stays open."""

    def __init__(self, environment: dict[str, str], directory: Path) -> None:
        super().__init__(environment, directory)
        self.socket = socket.create_server(("127.0.0.1", self.port), backlog=socket.SOMAXCONN)

    def __enter__(self) -> Self:
        self.start()
        self.http = httpx.Client(base_url=self.url, timeout=30)
        self.wait_until(lambda: self.http.get("/health/ready").status_code == 200)
        return self

    def start(self) -> None:
        number = self.socket.fileno()
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", LAUNCH, str(number), *self.command],
                cwd=ROOT,
                env=clean_environment(**self.environment),
                pass_fds=[number],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def restart(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(GRACE) == 0
        self.start()
        self.wait_until(lambda: self.http.get("/health").status_code == 200)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self.socket.close()
