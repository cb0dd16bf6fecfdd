"""A stand-in for Sentry: takes envelopes over HTTP, as its SDK sends them, and keeps what they hold."""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class SentryServer:
    """`items` are those of all envelopes so far, each with its type (https://develop.sentry.dev/sdk/envelopes/)."""

    def __init__(self) -> None:
        self.items: list[tuple[str, dict[str, Any]]] = []
        keep = self.keep

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                keep(gzip.decompress(sent) if self.headers["Content-Encoding"] == "gzip" else sent)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.dsn = f"http://key@127.0.0.1:{self.http.server_port}/1"

    def keep(self, envelope: bytes) -> None:
        """Take an envelope apart: a line of its own, and then two for each item."""
        _, *lines = envelope.decode().strip().split("\n")
        for header, payload in zip(lines[::2], lines[1::2], strict=True):
            self.items.append((json.loads(header)["type"], json.loads(payload)))

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [item for type_, item in self.items if type_ == kind]

    def __enter__(self) -> Self:
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.shutdown()
        self.http.server_close()
