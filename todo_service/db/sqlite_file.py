"""SQLite's database file: created once, readable by its owner alone, and missed when it is gone.

SQLite itself goes on writing into a file that was deleted or replaced, and makes a new one where there is
none: what was acknowledged would be lost.
"""

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry


class SqliteFile:
    """Listeners for the connections to one file; `path` is known from the first of them on."""

    def __init__(self) -> None:
        self.path: str | None = None

    def listen(self, engine: Engine) -> None:
        event.listen(engine, "do_connect", self.create_private)
        event.listen(engine, "connect", self.record_identity)
        event.listen(engine, "checkout", self.require_same_file)

    def create_private(self, _dialect: Any, _record: Any, arguments: list[str], _options: Any) -> None:
        """Make a new file one that only its owner can read; what lies beside it takes after it.

        Raises:
            sqlite3.OperationalError: there was one already. Whoever took it away has to bring it back, or to
                start the service anew.
        """
        if self.path is None:
            with suppress(OSError):  # SQLite itself says what is wrong, and better
                Path(arguments[0]).touch(mode=0o600)
        elif self.identity() is None:
            raise sqlite3.OperationalError(f"{self.path} has been deleted")

    def record_identity(self, connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        [(_, _, self.path)] = connection.execute("PRAGMA database_list")
        record.info["file"] = self.identity()

    def require_same_file(self, _connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        """
        Raises:
            DisconnectionError: the connection leads to another file; the pool then makes a new one.
        """
        if record.info["file"] != self.identity():
            raise DisconnectionError(f"{self.path} is another file now")

    def identity(self) -> tuple[int, int] | None:
        """What tells this file from all others on the machine; None if there is none."""
        try:
            found = Path(str(self.path)).stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
