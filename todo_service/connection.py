"""A client's connection, as the worker keeps it."""

import os
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from threading import Semaphore
from typing import Any

from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import TConn

from todo_service.batch import MAX_BYTES
from todo_service.buffered_socket import BufferedSocket
from todo_service.framing import until_complete
from todo_service.plain_request import Environ, plain

RECEIVE_BYTES = 64 * 1024
MAX_BODY = MAX_BYTES + 1024  # bytes; gunicorn reads 1 KiB ahead of what the application asks for


class Connection(TConn):
    """A client, by turns sending a request, being answered, and taking the answer.

    Attributes:
        received: what has come of a request that is not complete yet.
        framing: follows it, and ends when it is complete.
        usual: what WSGI tells of all its requests, if it has an address; of its plain ones, that is.
        rest: what was received behind the request that is being answered.
        keep_alive: whether another request may follow the answer.
        held: bytes, as the worker has counted them.
        since: when anything began to be held, in seconds of the monotonic clock.
        then: what is to be done when the client has sent something; or, if `write`, can take something.
        deadline: until when it waits for that.
        ready_at: when its request was complete.
    """

    sock: BufferedSocket  # type: ignore[assignment]  # as much of a socket as gunicorn needs
    parser: RequestParser  # the one for plain HTTP/1

    def __init__(self, cfg: Any, client: socket.socket, address: Any, server: Any, stalls: Semaphore) -> None:
        super().__init__(cfg, client, address, server)
        self.socket = client
        self.sock = BufferedSocket(client, stalls)
        self.data_ready = True  # a thread need not look
        self.keep_alive = False
        self.held = 0
        self.since = self.deadline = self.ready_at = 0.0
        self.write = False
        self.then: Callable[[Connection], None]
        self.fd = client.fileno()
        self.usual = usual(address, server, cfg.workers > 1) if isinstance(address, tuple) else None
        self.rest = b""
        self.expect_request(b"")

    def expect_request(self, begun: bytes) -> None:
        self.received = bytearray(begun)
        self.framing = until_complete(self.received, MAX_BODY)

    def receive(self) -> bytes | None:
        """What the client has sent; empty if it does not send any more, None if there is nothing yet."""
        try:
            return self.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def take_plain(self) -> Environ | None:
        """What has been received, if that is a plain request."""
        request = plain(self.received, self.usual) if self.usual else None
        if not request:
            return None
        self.received, self.rest = bytearray(), request.rest
        return request.environ

    def pass_on(self) -> None:
        """Let gunicorn's parser read what has been received."""
        self.sock.inbox = BytesIO(self.received)
        self.received = bytearray()

    def take_back(self) -> None:
        """Take what it has left."""
        self.rest = bytes(self.parser.unreader.take_buffered() + self.sock.inbox.read())

    def close(self, graceful: bool = False) -> None:
        """Close; reset the connection, if the answer is cut and must not look complete."""
        if self.sock.outbox or self.sock.broken:
            with suppress(OSError):
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def usual(client: tuple[Any, ...], server: tuple[Any, ...], has_siblings: bool) -> Environ | None:
    """What WSGI tells of all requests of a client; None if its plain ones must not be read as such."""
    if "SCRIPT_NAME" in os.environ:  # gunicorn's parser takes that from the paths
        return None
    return {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": has_siblings,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "SERVER_SOFTWARE": "gunicorn",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SCRIPT_NAME": "",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
    }
