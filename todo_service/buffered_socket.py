"""A client's socket as a thread sees it: nothing it does there waits for the client's pace."""

import errno
import select
from io import BytesIO
from socket import socket
from threading import Semaphore
from time import monotonic

SEND_BYTES = 64 * 1024  # from here on it is sent in parts; a shorter answer goes in one piece, at its end
MAX_OUTBOX = 4 * 1024 * 1024  # bytes; hardly any answer but an export is larger
STALL_SECONDS = 10  # for a client to take some of an export that fills its outbox
SLOWEST = 8 * 1024  # bytes a second, on average, that a client has to take


class BufferedSocket:
    """What gunicorn reads has been received, what it writes goes to the kernel as far as there is room.

    The rest stays in `outbox`, for the worker to flush when there is room again. Only one thread at a time
    has this object.

    Args:
        client: the connection, non-blocking.
        stalls: how many threads may wait for clients to take exports at the same time.
    """

    def __init__(self, client: socket, stalls: Semaphore) -> None:
        self.client, self.stalls = client, stalls
        self.inbox = BytesIO()
        self.outbox = bytearray()
        self.exhausted = False  # more was read than has been received: where the request ends is unknown
        self.broken = False  # the client is gone, or the answer is cut and must not look complete

    def recv(self, size: int) -> bytes:
        data = self.inbox.read(size)
        self.exhausted = self.exhausted or not data
        return data

    def sendall(self, data: bytes) -> None:
        """Take all of an answer's next part.

        Raises:
            BrokenPipeError: the client is gone, or too slow for an export.
        """
        self.outbox += data
        if len(self.outbox) >= SEND_BYTES:
            self.flush()
        if len(self.outbox) > MAX_OUTBOX and not self.broken:
            self.stall()
        if self.broken:
            raise BrokenPipeError(errno.EPIPE, "the client does not read")

    def send(self, data: bytes) -> int:
        """Drop it: all that gunicorn sends this way is a `100 Continue`, which the client has had."""
        return len(data)

    def flush(self) -> int:
        """Send what the kernel takes; return how many bytes that were."""
        if not self.outbox:
            return 0
        try:
            sent = self.client.send(self.outbox)
        except BlockingIOError:
            return 0
        except OSError:
            self.broken = True
            return 0
        del self.outbox[:sent]
        return sent

    def stall(self) -> None:
        """Wait until the client has taken enough of an export. Cut the answer if it takes too little, or if
        so many threads wait for clients already that the others would have too few."""
        if not self.stalls.acquire(blocking=False):
            self.broken = True
            return
        try:
            poller = select.poll()
            poller.register(self.client, select.POLLOUT)
            deadline = monotonic() + STALL_SECONDS
            while len(self.outbox) > MAX_OUTBOX and not self.broken:
                self.broken = not poller.poll(1000 * max(0, deadline - monotonic()))
                deadline = later(deadline, self.flush(), STALL_SECONDS)
        finally:
            self.stalls.release()

    def shutdown(self, _how: int) -> None:
        """Cut the answer: gunicorn closes a socket when the application fails in the middle of one."""
        self.broken = True

    def close(self) -> None:
        """Leave that to the worker."""

    def gettimeout(self) -> None:
        """Nothing here waits, so there is no timeout."""

    def settimeout(self, seconds: float | None) -> None: ...

    def setblocking(self, flag: bool) -> None: ...


def later(deadline: float, taken: int, seconds: float) -> float:
    """The deadline of a client that took so many bytes: never more than `seconds` away, and moved by no
    more than they are worth at the slowest pace."""
    return min(deadline + taken / SLOWEST, monotonic() + seconds)
