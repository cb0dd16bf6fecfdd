"""Load: so many connections, each of which sends its next request as soon as it has its answer."""

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import python_load
from tests.people import token_for

CONNECTIONS = 16
SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Request:
    """A request of a user's."""

    method: str
    path: str
    user: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def all_headers(self) -> dict[str, str]:
        json_body = {"Content-Type": "application/json"} if self.body else {}
        return {"Authorization": f"Bearer {token_for(self.user)}", **json_body, **self.headers}

    def raw(self, port: int) -> bytes:
        """The request as it goes over the wire."""
        length = {"Content-Length": str(len(self.body))} if self.body else {}
        headers = {"Host": f"127.0.0.1:{port}", **self.all_headers(), **length}
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(frozen=True)
class Outcome:
    """What came of it; latencies in milliseconds. Answers from status 400 on are errors."""

    requests: int
    seconds: float
    bytes: int
    errors: int
    p50: float
    p99: float


def has_wrk() -> bool:
    return shutil.which("wrk") is not None


def send(requests: list[Request], port: int, seconds: int, connections: int = CONNECTIONS) -> Outcome:
    """Send the requests in turn, over and over, for so many seconds."""
    raw = [request.raw(port) for request in requests]
    if not has_wrk():
        return Outcome(**python_load.send(raw, port, seconds, connections))
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\0".join(raw))
        file.flush()
        options = ["-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(SCRIPT)]
        command = ["wrk", *options, f"http://127.0.0.1:{port}", "--", file.name]
        printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60)
    return Outcome(**json.loads(printed.stdout.splitlines()[-1]))
