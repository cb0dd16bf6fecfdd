"""A real nginx with the configuration that docs/nginx.conf recommends, in front of the running service."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.service import ROOT, free_port

START_SECONDS = 10

# What stands around it in Debian's /etc/nginx/nginx.conf; paths and ports are the test's own.
AROUND = """\
daemon off;
worker_processes auto;
pid {directory}/pid;
error_log {directory}/error.log;
events {{ worker_connections 768; }}
http {{
    access_log off;
    client_body_temp_path {directory}/bodies;
    proxy_temp_path {directory}/answers;
    fastcgi_temp_path {directory}/unused;
    uwsgi_temp_path {directory}/unused;
    scgi_temp_path {directory}/unused;
    include {directory}/todo.conf;
}}
"""


def program() -> str:
    """Where nginx is installed; Debian does not put it on everybody's PATH."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.fail("nginx is missing; install it: apt-get install nginx-light, or brew install nginx")
    return found


class Nginx:
    """nginx at `url`, before a service on this port; with a `path`, that shows it below this."""

    def __init__(self, service_port: int, path: str = "") -> None:
        self.service_port, self.path = service_port, path
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.directory = Path(tempfile.mkdtemp(prefix="todo-nginx-"))
        self.directory.chmod(0o755)  # nginx's workers give up root's rights

    def configure(self) -> Path:
        recommended = (ROOT / "docs" / "nginx.conf").read_text()
        ports = {
            "listen 80;": f"listen 127.0.0.1:{self.port};",
            "server 127.0.0.1:8000;": f"server 127.0.0.1:{self.service_port};",
        }
        below_path = {
            "location / {": f"location {self.path}/ {{",
            "proxy_pass http://todo;": "proxy_pass http://todo/;",
            'X-Forwarded-Prefix "";': f"X-Forwarded-Prefix {self.path};",
        }
        for written, ours in (ports | (below_path if self.path else {})).items():
            assert recommended.count(written) == 1
            recommended = recommended.replace(written, ours)
        (self.directory / "todo.conf").write_text(recommended)
        configuration = self.directory / "nginx.conf"
        configuration.write_text(AROUND.format(directory=self.directory))
        return configuration

    def __enter__(self) -> Self:
        self.process = subprocess.Popen([program(), "-e", "stderr", "-c", self.configure()])
        deadline = time.monotonic() + START_SECONDS
        while not self.accepts():
            assert time.monotonic() < deadline, self.errors
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.directory)

    @property
    def errors(self) -> str:
        return (self.directory / "error.log").read_text()

    def accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except ConnectionRefusedError:
            return False
        return True
