"""A backup is made and restored by the commands of docs/operating.md, on both databases."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from flask import Flask

from tests.people import SECRET, Person, body
from tests.postgres import Postgres
from tests.service import ROOT
from todo_service import create_app
from todo_service.config import Settings
from todo_service.extensions import db

PAGE = (ROOT / "docs" / "operating.md").read_text()
SECTION = PAGE.partition("## Backup and restore")[2].partition("\n## ")[0]
DUMP, COPY, RESTORE, PUT_BACK = re.findall(r"^```sh\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
(GO_ON,) = re.findall(r"^```sql\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)


def application(url: str) -> Flask:
    return create_app(Settings.from_environ({"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": url}))


def close(app: Flask) -> None:
    with app.app_context():
        db.engine.dispose()


class Backup:
    """A database in which people have written, and the commands that the page gives for its kind."""

    def __init__(self, directory: Path, postgres: Postgres | None) -> None:
        self.directory, self.postgres = directory, postgres
        (directory / "instance").mkdir()
        (directory / ".venv").symlink_to(sys.prefix)
        self.url = self.empty()

    def empty(self) -> str:
        if self.postgres:
            return self.postgres.create(f"backup-{uuid4().hex}")
        return f"sqlite:///{self.directory}/instance/todo.db"

    def run(self, command: str) -> None:
        programs = f"{self.postgres.programs()}:" if self.postgres else ""
        environment = {**os.environ, "DATABASE_URL": self.url, "PATH": f"{programs}{os.environ['PATH']}"}
        subprocess.run(["bash", "-ec", command], cwd=self.directory, env=environment, check=True)

    def save(self) -> None:
        self.run(DUMP if self.postgres else COPY)
        (file,) = self.directory.glob("todo.*")
        assert file.stat().st_mode & 0o077 == 0  # its owner's alone, as the database is

    def restore(self) -> None:
        self.url = self.empty()
        self.run(RESTORE if self.postgres else PUT_BACK)
        if self.postgres:
            with closing(psycopg2.connect(self.url)) as connection, connection, connection.cursor() as cursor:
                cursor.execute(GO_ON)
        else:
            with closing(sqlite3.connect(self.directory / "instance" / "todo.db")) as file:
                file.executescript(GO_ON)


@pytest.fixture(params=["sqlite", "postgresql"])
def backup(request: pytest.FixtureRequest, tmp_path: Path) -> Backup:
    is_postgres = request.param == "postgresql"
    return Backup(tmp_path, request.getfixturevalue("postgres") if is_postgres else None)


def test_a_backup_is_restored_and_what_was_lost_is_never_taken_for_what_came_instead(backup: Backup) -> None:
    before = application(backup.url)
    ada, bob = (Person(before.test_client(), name) for name in ("ada", "bob"))
    kept = body(ada.post(json={"title": "kept"}))
    backup.save()
    lost = body(ada.post(json={"title": "lost"}))
    bobs = body(bob.post(json={"title": "lost, with bob himself"}))
    token = body(ada.get("/api/tasks/changes"))["token"]
    list_etag = ada.get().headers["ETag"]
    close(before)

    backup.restore()

    after = application(backup.url)
    ada, bob = (Person(after.test_client(), name) for name in ("ada", "bob"))
    assert body(ada.get(headers={"If-None-Match": list_etag})) == [kept]
    assert body(bob.get()) == []
    assert body(ada.get(f"/api/tasks/changes?since={token}"))["code"] == "sync_token_expired"
    assert body(ada.get("/api/tasks/changes"))["changes"] == [{"type": "upsert", "task": kept}]
    assert body(ada.post(json={"title": "instead"}))["revision"] > lost["revision"]
    assert body(bob.post(json={"title": "instead"}))["revision"] > bobs["revision"]
    close(after)
