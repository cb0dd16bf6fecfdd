"""The PostgreSQL of the benchmarks: that of the tests, or the one that `DATABASE_URL` names."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import TracebackType
from typing import Self

import psutil
import psycopg2
from psycopg2.extensions import cursor
from sqlalchemy.engine import make_url

from benchmarks import data
from benchmarks.processes import seconds_of
from tests.people import SECRET
from tests.postgres import Postgres
from tests.service import run

# Nothing of its own may happen while something is measured, and all that is measured fits into memory.
SETTINGS = {
    "shared_buffers": "'2GB'",
    "maintenance_work_mem": "'1GB'",
    "max_wal_size": "'4GB'",
    "checkpoint_timeout": "'1h'",
    "autovacuum": "off",
}


class Cluster:
    """A server, and on it one filled database for each schema, of which copies are made."""

    def __init__(self) -> None:
        self.base = os.environ.get("DATABASE_URL", "")
        self.own = None if self.base else Postgres()
        if self.own:
            self.base = self.own.url()
            for name, value in SETTINGS.items():
                self.own.psql(f"ALTER SYSTEM SET {name} = {value}")
            self.own.stop()
            self.own.start()
        self.made: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.own:
            self.own.remove()
        else:
            for name in self.made:
                self.drop(name)

    def url(self, name: str) -> str:
        return make_url(self.base).set(database=name).render_as_string(hide_password=False)

    @contextmanager
    def cursor(self, name: str = "") -> Iterator[cursor]:
        """Statements on a database, each a transaction of its own."""
        with closing(psycopg2.connect(self.url(name) if name else self.base)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor

    def create(self, name: str, template: str = "template1") -> str:
        """Make a database as a copy of another one, whatever it was before; return its URL."""
        self.drop(name)
        with self.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self.made.add(name)
        return self.url(name)

    def drop(self, name: str) -> None:
        with self.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def empty(self, name: str, schema: str) -> str:
        """Make a database of the service's schema or of the plain one; return its URL."""
        url = self.create(name)
        if schema == "service":
            run("flask", "db", "upgrade", DATABASE_URL=url, BETTER_AUTH_SECRET=SECRET).check_returncode()
        else:
            with self.cursor(name) as cursor:
                cursor.execute(data.PLAIN_SCHEMA)
        return url

    def filled(self, schema: str) -> str:
        """A fresh copy of the tasks of all users, which nobody has touched; its name."""
        template = f"todo_bench_{schema}"
        if template not in self.made:
            self.empty(template, schema)
            with self.cursor(template) as cursor:
                data.fill(cursor, schema, 1, data.USERS, data.TASKS_EACH)
        self.create("todo_bench_turn", template)
        return "todo_bench_turn"

    def processor_seconds(self) -> float | None:
        """What its processes have used; None if they are not on this machine."""
        with self.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            ((backend,),) = cursor.fetchall()
            try:
                process = psutil.Process(backend)
                server = process.parent() if process.name().startswith("postgres") else None
            except psutil.Error:
                return None
            return sum(seconds_of(server).values()) if server else None

    def version(self) -> str:
        with self.cursor() as cursor:
            cursor.execute("SHOW server_version")
            ((version,),) = cursor.fetchall()
            return str(version)
