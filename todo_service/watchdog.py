"""Ends waits for a PostgreSQL that hangs.

A server that is frozen or cut off keeps none of its own timeouts, and its client library waits for ever. A
thread looks after what the others wait for, and cuts connections on which no answer came in time: that
costs a statement next to nothing, while waiting with a timeout, step by step, would cost more than the rest.
"""

import os
import socket
import threading
import time
from contextlib import suppress

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  # a class

LOOK_SECONDS = 0.2


class Watchdog:
    """What threads wait for, and until when.

    Attributes:
        waits: by thread, the moment of the monotonic clock and the connection that is cut then.
        process: the one whose thread looks; a process that was forked from it needs one of its own.
    """

    def __init__(self) -> None:
        self.waits: dict[int, tuple[float, Connection]] = {}
        self.process = 0

    def watch(self, connection: Connection, seconds: float) -> None:
        """Cut the connection if this thread still waits for an answer after so many seconds."""
        if self.process != os.getpid():
            self.process = os.getpid()
            threading.Thread(target=self.look, daemon=True).start()
        self.waits[threading.get_ident()] = (time.monotonic() + seconds, connection)

    def unwatch(self) -> None:
        """This thread has its answer."""
        self.waits.pop(threading.get_ident(), None)

    def look(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            now = time.monotonic()
            for deadline, connection in list(self.waits.values()):
                if deadline < now:
                    cut(connection)


def cut(connection: Connection) -> None:
    """Make whoever waits for this connection see that it has ended."""
    with suppress(OSError, psycopg2.Error), socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)
