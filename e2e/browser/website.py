"""The example page as any web server serves it, from an origin of its own."""

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.people import SECRET
from tests.service import ROOT

PAGE = ROOT / "examples" / "browser"


class Website:
    """A static web server; `config.js` says where the service and the auth server of a test are."""

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, self.addresses))
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.shutdown()
        self.http.server_close()

    def configure(self, service: str, auth: str = "") -> None:
        self.addresses.update(serviceUrl=service, authUrl=auth)


class Files(SimpleHTTPRequestHandler):
    def __init__(self, addresses: dict[str, str], *args: Any) -> None:
        self.addresses = addresses
        super().__init__(*args, directory=str(PAGE))

    def do_GET(self) -> None:
        if self.path != "/config.js":
            return super().do_GET()
        lines = [f"export const {name} = {json.dumps(value)};" for name, value in self.addresses.items()]
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript")
        self.end_headers()
        self.wfile.write("\n".join(lines).encode())
        return None

    def log_message(self, *_: Any) -> None:
        pass


def settings(website: Website, directory: Path) -> dict[str, str]:
    """Those of a service that the page may call; its database is in this directory."""
    return {
        "BETTER_AUTH_SECRET": SECRET,
        "DATABASE_URL": f"sqlite:///{directory}/todo.db",
        "CORS_ORIGINS": website.url,
        "RATE_LIMIT": "",
        "LOG_LEVEL": "WARNING",
    }
