"""A real PgBouncer with the settings that docs/scaling.md recommends, in front of the tests' PostgreSQL."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from configparser import ConfigParser
from pathlib import Path

import psycopg2
import pytest

from tests.postgres import Postgres
from tests.service import ROOT, free_port

POOL_SIZE = 3  # connections to PostgreSQL; far fewer than the service has threads
USER, PASSWORD = "todo", "a password that only the tests know"
START_SECONDS = 10


def program() -> str:
    """Where PgBouncer is installed; Debian does not put it on everybody's PATH."""
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.fail("PgBouncer is missing; install it: apt-get install pgbouncer, or brew install pgbouncer")
    return found


def recommended() -> ConfigParser:
    """The settings as the page shows them."""
    page = (ROOT / "docs" / "scaling.md").read_text()
    shown = re.search(r"^```ini\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert shown, "docs/scaling.md shows no settings of PgBouncer"
    settings = ConfigParser()
    settings.read_string(shown[1])
    return settings


class PgBouncer:
    """A PgBouncer that lends POOL_SIZE connections to each database of a server, and can be restarted."""

    def __init__(self, postgres: Postgres) -> None:
        postgres.psql(f"CREATE ROLE {USER} LOGIN")
        self.postgres = postgres
        self.program = program()
        self.port = free_port()
        socket = Path(postgres.server.get_postmaster_info().socket_dir)
        self.owner = socket.stat().st_uid  # who may use the socket; and PgBouncer refuses to run as root
        self.directory = Path(tempfile.mkdtemp(prefix="todo-pgbouncer-"))
        self.configure(socket)
        os.chown(self.directory, self.owner, -1)
        self.start()

    def configure(self, socket: Path) -> None:
        users = self.directory / "userlist.txt"
        users.write_text(f'"{USER}" "{PASSWORD}"\n')
        settings = recommended()
        settings["databases"] = {"*": f"host={socket}"}
        settings["pgbouncer"].update(
            listen_addr="127.0.0.1",
            listen_port=str(self.port),
            unix_socket_dir="",
            auth_type="scram-sha-256",
            auth_file=str(users),
            default_pool_size=str(POOL_SIZE),
        )
        with (self.directory / "pgbouncer.ini").open("w") as file:
            settings.write(file)

    def create(self, database: str) -> str:
        """Make an empty database; return its URL."""
        self.postgres.psql(f'CREATE DATABASE "{database}" OWNER {USER}')
        return self.url(database)

    def url(self, database: str) -> str:
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        with (self.directory / "log").open("w") as log:
            self.process = subprocess.Popen(
                [self.program, self.directory / "pgbouncer.ini"],
                user=self.owner,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            assert time.monotonic() < deadline, (self.directory / "log").read_text()
            time.sleep(0.05)

    def answers(self) -> bool:
        try:
            psycopg2.connect(self.url("postgres")).close()
        except psycopg2.OperationalError:
            return False
        return True

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.directory)
