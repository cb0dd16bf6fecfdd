"""gunicorn's threaded worker, with the clients' pace kept out of the threads, and without a way between them.

`gthread` receives requests and sends answers in its threads, so that a few clients who dribble the one or
never take the other hold them all. Here nothing waits for one client: a request is received until it is
complete (framing.py), only then it is answered, and what the client does not take at once
(buffered_socket.py) is sent on later. And while `gthread` hands each request from a main loop to a thread
and its connection back, here every thread waits for whatever happens next, and sees to it itself: to wake
another thread takes longer than to read a task.

A connection belongs to one thread at a time. It is put down in `waiting`, where whoever takes it out has it:
the thread to which the kernel tells what happened on it, once (poller.py), or the main thread, which looks
after deadlines. There is one thread more than may answer at a time, so that one always sees to clients.

HTTP/1 only: TLS and HTTP/2 are the business of the proxy in front, and the worker refuses to start with them.
"""

import errno
import os
import socket
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from threading import Event, Lock, Semaphore, Thread
from time import monotonic, sleep
from typing import Any, cast

from gunicorn.http.wsgi import create
from gunicorn.workers.base import Worker
from gunicorn.workers.gthread import ThreadWorker

from todo_service import metrics
from todo_service.answering import Answer
from todo_service.buffered_socket import later
from todo_service.connection import Connection
from todo_service.database import READY_AT
from todo_service.framing import HeadTooLarge
from todo_service.plain_request import Environ
from todo_service.poller import Poller

REQUEST_SECONDS = 30  # for a request to arrive, from its first byte on; for a new client to send that
FLUSH_SECONDS = 30  # for a client to take some of its answer
LINGER_SECONDS = 2  # for a client to read its last answer; during a stop, to send its last request
SWEEP_SECONDS = 0.5  # between two looks at these deadlines
STOP_SECONDS = 0.05  # between two looks, during a stop, whether all clients are gone
MAX_HELD = 64 * 1024 * 1024  # bytes of unfinished requests and untaken answers, of a worker

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def bare(status: HTTPStatus) -> bytes:
    """An answer that is a status and nothing else, and the last one."""
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    return head.encode()


class BufferingWorker(ThreadWorker):
    """Waits for clients and answers them in its threads; its main thread looks at the clock.

    Attributes:
        connections: by their file descriptors.
        waiting: those that belong to no thread, longest first.
        ready: those with a complete request that no thread has begun to answer.
        slots: one for each thread that may begin to answer.
        held: bytes of unfinished requests and untaken answers.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.cfg.set("sendfile", False)  # files go through the outbox like everything else
        self.connections: dict[int, Connection] = {}
        self.waiting: dict[Connection, None] = {}
        self.ready: deque[Connection] = deque()
        self.slots = [None] * self.cfg.threads
        self.stalls = Semaphore(max(1, self.cfg.threads // 2))
        self.held, self.counting = 0, Lock()
        self.stopping = Event()
        self.reads_plain = not self.log.access_log_enabled  # which tells what only the parser notes

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        if cfg.is_ssl or [cfg.protocol, cfg.proxy_protocol, *cfg.http_protocols] != ["http", "off", "h1"]:
            sys.exit("todo_service cannot start: TLS, HTTP/2 and the PROXY protocol are for a proxy in front")

    # ---- the main thread

    def init_process(self) -> None:
        self.events = Poller()
        self.bell, self.bell_rope = os.pipe()  # rung for all threads to end
        self.events.arm(self.bell)
        Worker.init_process(self)  # gthread's own would make a pool of threads

    def run(self) -> None:
        metrics.sampled[metrics.in_flight] = self.in_flight
        self.listeners = {listener.fileno(): listener for listener in self.sockets}
        for fd, listener in self.listeners.items():
            listener.setblocking(False)
            self.events.arm(fd)
        for _ in range(self.cfg.threads + 1):
            Thread(target=self.see_to_clients, daemon=True).start()
        while self.alive and self.is_parent_alive():
            self.notify()
            self.sweep()
            metrics.sample()
            self.stopping.wait(SWEEP_SECONDS)
        self.stop()

    def stop(self) -> None:
        """Answer what has been begun; clients who have sent nothing have a moment for their last request."""
        self.alive = False
        now = monotonic()
        for listener in self.sockets:
            self.events.disarm(listener.fileno())
        for conn in list(self.waiting):
            if not conn.held:
                conn.deadline = min(conn.deadline, now + LINGER_SECONDS)
        while self.connections and monotonic() < now + self.cfg.graceful_timeout:
            self.notify()
            self.sweep()
            metrics.sample()
            sleep(STOP_SECONDS)
        for conn in list(self.waiting):
            if self.take(conn):
                self.end(conn)
        os.write(self.bell_rope, b"!")
        for listener in self.sockets:
            listener.close()

    def in_flight(self) -> int:
        """How many requests are complete and not yet answered."""
        threads: int = self.cfg.threads
        return len(self.ready) + threads - len(self.slots)

    def sweep(self) -> None:
        """End what has waited too long."""
        now = monotonic()
        for conn in [conn for conn in list(self.waiting) if conn.deadline <= now]:
            if not self.take(conn):
                continue
            if conn.deadline > now:  # it was not waiting any more, and is again
                self.wait(conn, conn.then, conn.deadline, write=conn.write)
            elif conn.received:
                self.refuse(conn, HTTPStatus.REQUEST_TIMEOUT)
            else:
                self.end(conn)

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.alive = False
        self.stopping.set()

    def handle_quit(self, sig: int, frame: Any) -> None:
        Worker.handle_quit(self, sig, frame)  # gthread's own would end a pool of threads

    # ---- the other threads

    def see_to_clients(self) -> None:
        while True:
            fd = self.events.next()
            if fd == self.bell:
                self.events.arm(self.bell)  # for the others to hear it, too
                return
            try:
                self.happen(fd)
                self.answer_ready()
            except Exception:
                self.log.exception("A thread failed to see to a client")

    def happen(self, fd: int) -> None:
        """See to what the kernel tells of a file descriptor."""
        conn = self.connections.get(fd)
        if conn and self.take(conn):
            conn.then(conn)
        elif listener := self.listeners.get(fd):
            self.accept(listener)
            if self.alive:
                self.events.arm(fd)

    def answer_ready(self) -> None:
        """Answer what is ready, unless as many threads as may do so are at it; they look again."""
        while self.ready and self.slots:
            try:
                self.slots.pop()
            except IndexError:
                return  # another thread was faster
            try:
                conn = self.ready.popleft()
            except IndexError:
                pass  # here, too
            else:
                self.answer(conn)
            finally:
                self.slots.append(None)

    def accept(self, listener: socket.socket) -> None:
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self.make_room()
            return  # any other error is that of a connection which is gone already (accept(2))
        conn = Connection(self.cfg, client, address, listener.getsockname(), self.stalls)
        self.connections[conn.fd] = conn
        self.wait(conn, self.receive, monotonic() + REQUEST_SECONDS)
        if len(self.connections) >= self.worker_connections:
            self.make_room()

    def make_room(self) -> None:
        """End the connection that has waited longest. Those that threads answer do not wait."""
        for conn in list(self.waiting)[:1]:
            if self.take(conn):
                self.end(conn)

    # ---- a request arrives

    def receive(self, conn: Connection) -> None:
        data = conn.receive()
        if data:
            begins = not conn.received
            conn.received += data
            self.advance(conn, begins)
        elif data is None:
            self.wait(conn, self.receive, conn.deadline)
        elif conn.received:  # a part, after which the client has closed its side only, perhaps
            self.hand_over(conn)
        else:
            self.end(conn)

    def advance(self, conn: Connection, begins: bool) -> None:
        """Make a complete request ready; wait for the rest of an incomplete one."""
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
            deadline = monotonic() + REQUEST_SECONDS if begins else conn.deadline
            self.wait(conn, self.receive, deadline)

    def hand_over(self, conn: Connection) -> None:
        conn.ready_at = monotonic()
        self.ready.append(conn)

    def refuse(self, conn: Connection, status: HTTPStatus) -> None:
        """Answer a request that is not complete, and close."""
        conn.received = bytearray()
        conn.sock.outbox += bare(status)
        conn.keep_alive = False
        self.flush(conn)

    # ---- it is answered

    def answer(self, conn: Connection) -> None:
        try:
            environ = conn.take_plain() if self.reads_plain else None
            if environ:
                conn.keep_alive = self.answer_plain(conn, environ)
            else:
                conn.pass_on()
                conn.keep_alive = self.handle(conn) and not conn.sock.exhausted
                conn.take_back()
        except BaseException:
            # A view that exits, or an answer that fails in its middle: it ends the request, not the thread.
            self.log.exception("Error handling request")
            conn.keep_alive = False
            conn.sock.shutdown(socket.SHUT_RDWR)
        self.flush(conn)

    def answer_plain(self, conn: Connection, environ: Environ) -> bool:
        """Let the application answer; return whether another request may follow on the connection."""
        environ[READY_AT] = conn.ready_at
        answer = Answer(conn.sock, environ["REQUEST_METHOD"], closes=self.is_last())
        try:
            body = self.wsgi(environ, cast(Any, answer.start))
            try:
                for part in body:
                    answer.write(part)
                answer.end()
            finally:
                if hasattr(body, "close"):
                    body.close()
        except BrokenPipeError:
            conn.sock.shutdown(socket.SHUT_RDWR)  # the client is gone
        except Exception:
            if answer.is_begun:
                raise
            self.log.exception("Error handling request")
            conn.sock.outbox += bare(HTTPStatus.INTERNAL_SERVER_ERROR)
            return False
        return not answer.closes

    def is_last(self) -> bool:
        """Count a request; return whether the connection has to end with its answer."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        return not self.alive

    def handle_request(self, request: Any, conn: Any) -> bool:
        """Let the application answer what only gunicorn's parser reads, as gthread's own method does.

        Returns:
            whether another request may follow on the connection.
        """
        self.cfg.pre_request(self, request)
        began = datetime.now()  # noqa: DTZ005  # as gunicorn's access log takes it
        response, environ = create(request, conn.sock, conn.client, conn.server, self.cfg)
        environ["wsgi.multithread"] = True
        environ[READY_AT] = conn.ready_at
        if self.is_last():
            response.force_close()
        body: Any = ()
        try:
            body = self.wsgi(environ, cast(Any, response.start_response))
            for part in body:
                response.write(part)
            response.close()
        except OSError:
            raise
        except Exception:
            if not response.headers_sent:
                raise
            self.log.exception("Error handling request")
            conn.sock.shutdown(socket.SHUT_RDWR)  # so that it does not look complete
            return False
        finally:
            self.log.access(response, request, environ, datetime.now() - began)  # noqa: DTZ005  # ditto
            if hasattr(body, "close"):
                body.close()
            self.cfg.post_request(self, request, environ, response)
        return not response.should_close()

    def flush(self, conn: Connection) -> None:
        """Send the answer, as far as the client takes it at once."""
        conn.sock.flush()
        self.go_on(conn, monotonic() + FLUSH_SECONDS)

    def flush_more(self, conn: Connection) -> None:
        taken = conn.sock.flush()
        self.go_on(conn, later(conn.deadline, taken, FLUSH_SECONDS))

    def go_on(self, conn: Connection, deadline: float) -> None:
        """Wait until the client takes the rest of its answer; go on with it when there is none."""
        if conn.sock.broken:
            self.end(conn)
        elif conn.sock.outbox:
            self.wait(conn, self.flush_more, deadline, write=True)
        elif conn.keep_alive:
            self.await_next(conn)
        else:
            self.linger(conn)

    def await_next(self, conn: Connection) -> None:
        """Await the next request, of which some may have come with the one before."""
        begun, conn.rest = conn.rest, b""
        conn.expect_request(begun)
        if begun:
            self.advance(conn, begins=True)
        else:
            seconds = self.cfg.keepalive if self.alive else LINGER_SECONDS
            self.wait(conn, self.receive, monotonic() + seconds)

    # ---- it ends

    def linger(self, conn: Connection) -> None:
        """Say that nothing more comes, and read on: closing on a client that still sends would reset the
        connection, and might cost it the answer (RFC 9112 §9.6)."""
        try:
            conn.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.end(conn)
        else:
            self.wait(conn, self.discard, monotonic() + LINGER_SECONDS)

    def discard(self, conn: Connection) -> None:
        if conn.receive() == b"":
            self.end(conn)
        else:
            self.wait(conn, self.discard, conn.deadline)

    def end(self, conn: Connection) -> None:
        self.connections.pop(conn.fd, None)
        with self.counting:
            self.held -= conn.held
        conn.close()

    # ---- waiting, and for how long

    def wait(
        self,
        conn: Connection,
        then: Callable[[Connection], None],
        deadline: float,
        *,
        write: bool = False,
    ) -> None:
        """Put the connection down until the client has sent something, or can take something; whichever
        thread sees that calls `then`."""
        conn.then, conn.deadline, conn.write = then, deadline, write
        if not self.account(conn):
            self.end(conn)
            return
        self.waiting[conn] = None
        with suppress(OSError):  # the main thread may have ended it already
            self.events.arm(conn.fd, write=write)

    def take(self, conn: Connection) -> bool:
        """Take a connection that waits; False if another thread has it."""
        try:
            del self.waiting[conn]
        except KeyError:
            return False
        return True

    def account(self, conn: Connection) -> bool:
        """Count what is held for a client; return whether it may be. If it is too much in all, end those for
        whom most is held longest; what other threads are at is counted, but theirs to end."""
        held = len(conn.received) + len(conn.sock.outbox)
        if held == conn.held:
            return True
        if not conn.held:
            conn.since = monotonic()
        with self.counting:
            self.held += held - conn.held
        conn.held = held
        while self.held > MAX_HELD:
            now = monotonic()
            costliest = max([*self.waiting, conn], key=lambda conn: conn.held * (now - conn.since))
            if costliest is conn:
                return False
            if self.take(costliest):
                self.end(costliest)
        return True
