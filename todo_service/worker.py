"""gunicorn's threaded worker, with the clients' pace kept out of the threads.

`gthread` receives requests and sends answers in its threads, so that a few clients who dribble the one or
never take the other hold them all. Here the main loop receives a request until it is complete (framing.py),
only then a thread answers it, and what the client does not take at once (buffered_socket.py) the main loop
sends on. A connection is with the main loop or with a thread, never with both, so there are no locks.

HTTP/1 only: TLS and HTTP/2 are the business of the proxy in front, and the worker refuses to start with them.
"""

import errno
import socket
import sys
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from selectors import EVENT_READ, EVENT_WRITE
from threading import Semaphore
from time import monotonic
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from todo_service.buffered_socket import later
from todo_service.connection import Connection
from todo_service.framing import HeadTooLarge

REQUEST_SECONDS = 30  # for a request to arrive, from its first byte on; for a new client to send that
FLUSH_SECONDS = 30  # for a client to take some of its answer
LINGER_SECONDS = 2  # for a client to read its last answer; during a stop, to send its last request
SWEEP_SECONDS = 0.5  # between two looks at these deadlines
MAX_HELD = 64 * 1024 * 1024  # bytes of unfinished requests and untaken answers, of a worker

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class BufferingWorker(ThreadWorker):
    """Waits for clients in its main loop, answers them in its threads."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.cfg.set("sendfile", False)  # files go through the outbox like everything else
        self.waiting: dict[Connection, None] = {}  # for their clients, longest first
        self.held = 0
        self.next_sweep = 0.0
        self.stalls = Semaphore(max(1, self.cfg.threads // 2))

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        if cfg.is_ssl or [cfg.protocol, cfg.proxy_protocol, *cfg.http_protocols] != ["http", "off", "h1"]:
            sys.exit("todo_service cannot start: TLS, HTTP/2 and the PROXY protocol are for a proxy in front")

    def accept(self, listener: socket.socket) -> None:
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self.make_room()
            return  # any other error is that of a connection which is gone already (accept(2))
        self.nr_conns += 1
        conn = Connection(self.cfg, client, address, listener.getsockname(), self.stalls)
        self.wait(conn, EVENT_READ, self.receive, REQUEST_SECONDS)
        if self.nr_conns >= self.worker_connections:
            self.make_room()

    def make_room(self) -> None:
        """End the connection that has waited longest. Those that threads answer do not wait."""
        if self.waiting:
            self.end(next(iter(self.waiting)))

    # ---- a request arrives

    def receive(self, conn: Connection) -> None:
        data = conn.receive()
        if data:
            begins = not conn.received
            conn.received += data
            self.advance(conn, begins)
        elif data is not None:
            if conn.received:  # a part, after which the client has closed its side only, perhaps
                self.hand_over(conn)
            else:
                self.end(conn)

    def advance(self, conn: Connection, begins: bool) -> None:
        """Hand a complete request to a thread; wait for the rest of an incomplete one."""
        try:
            asks = next(conn.framing)
        except StopIteration:
            self.hand_over(conn)
        except HeadTooLarge:
            self.refuse(conn, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            if asks:
                conn.sock.outbox += CONTINUE
                conn.sock.flush()
            if begins:
                self.wait(conn, EVENT_READ, self.receive, REQUEST_SECONDS)
            else:
                self.account(conn)

    def hand_over(self, conn: Connection) -> None:
        self.stop_waiting(conn)
        conn.pass_on()
        self.enqueue_req(conn)

    def refuse(self, conn: Connection, status: HTTPStatus) -> None:
        """Answer a request that is not complete, and close."""
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        self.stop_waiting(conn)
        conn.pass_on()
        conn.sock.outbox += head.encode()
        conn.keep_alive = False
        self.flush(conn)

    # ---- it is answered

    def handle(self, conn: Connection) -> bool:  # type: ignore[override]  # `accept` makes no others
        """Answer the request, in a thread; return whether another one may follow."""
        keep_alive = super().handle(conn)
        conn.sock.flush()
        return keep_alive and not conn.sock.exhausted

    def finish_request(self, conn: Connection, fs: "Future[bool]") -> None:  # type: ignore[override]  # ditto
        conn.keep_alive = not fs.cancelled() and not fs.exception() and fs.result()
        self.flush(conn)

    def flush(self, conn: Connection) -> None:
        """Send what is left of the answer; go on with the connection when nothing is."""
        taken = conn.sock.flush()
        if conn.sock.broken:
            self.end(conn)
        elif conn.sock.outbox and conn in self.waiting:
            conn.deadline = later(conn.deadline, taken, FLUSH_SECONDS)
            self.account(conn)
        elif conn.sock.outbox:
            self.wait(conn, EVENT_WRITE, self.flush, FLUSH_SECONDS)
        elif conn.keep_alive:
            self.await_next(conn)
        else:
            self.linger(conn)

    def await_next(self, conn: Connection) -> None:
        """Await the next request, of which some may have come with the one before."""
        begun = conn.take_back()
        conn.expect_request(begun)
        if begun:
            self.advance(conn, begins=True)
        else:
            seconds = self.cfg.keepalive if self.alive else LINGER_SECONDS
            self.wait(conn, EVENT_READ, self.receive, seconds)

    # ---- it ends

    def linger(self, conn: Connection) -> None:
        """Say that nothing more comes, and read on: closing on a client that still sends would reset the
        connection, and might cost it the answer (RFC 9112 §9.6)."""
        try:
            conn.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.end(conn)
        else:
            self.wait(conn, EVENT_READ, self.discard, LINGER_SECONDS)

    def discard(self, conn: Connection) -> None:
        if conn.receive() == b"":
            self.end(conn)

    def end(self, conn: Connection) -> None:
        self.stop_waiting(conn)
        self.nr_conns -= 1
        self.held -= conn.held
        conn.close()

    # ---- waiting, and for how long

    def wait(self, conn: Connection, event: int, then: Callable[[Connection], None], seconds: float) -> None:
        """Call `then` whenever the client has sent something, or can take something."""
        self.stop_waiting(conn)
        self.waiting[conn] = None
        self.poller.register(conn.socket, event, partial(self.resume, conn, then))
        conn.since = monotonic()
        conn.deadline = conn.since + seconds
        self.account(conn)

    def resume(self, conn: Connection, then: Callable[[Connection], None], *_: object) -> None:
        if conn in self.waiting:  # not ended by what came before in the same round
            then(conn)

    def stop_waiting(self, conn: Connection) -> None:
        if conn in self.waiting:
            del self.waiting[conn]
            self.poller.unregister(conn.socket)

    def account(self, conn: Connection) -> None:
        """Count what is held for a client. If it is too much in all, end those for whom most is held
        longest; what threads are at is counted, but theirs to end."""
        held = len(conn.received) + len(conn.sock.outbox)
        self.held += held - conn.held
        conn.held = held
        while self.held > MAX_HELD and self.waiting:
            now = monotonic()
            costliest = max(self.waiting, key=lambda conn: conn.held * (now - conn.since))
            if not costliest.held:
                return
            self.end(costliest)

    def murder_keepalived(self, force: bool = False) -> None:
        """End what has waited too long; with `force`, when a stop has taken too long, all that waits."""
        now = monotonic()
        if now < self.next_sweep and not force:
            return
        self.next_sweep = now + SWEEP_SECONDS
        for conn in [conn for conn in self.waiting if force or conn.deadline <= now]:
            self.resume(conn, self.end if force else self.time_out)

    def time_out(self, conn: Connection) -> None:
        if conn.received:
            self.refuse(conn, HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.end(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """A stop begins: clients who have sent nothing have until then."""
        for conn in self.waiting:
            if not conn.held:
                conn.deadline = min(conn.deadline, deadline)
