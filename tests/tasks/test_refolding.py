"""Tasks stored by a version that folded otherwise: migrated, and mended, while people go on writing."""

from collections.abc import Callable, Iterator

import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Connection, text

from tests.locks import user_locked
from tests.people import Person, body
from todo_service.db.schema_version import MIGRATIONS
from todo_service.extensions import db
from todo_service.tasks.folding import BATCH, refold, search_columns

MIGRATION = ScriptDirectory(str(MIGRATIONS)).get_revision("0004")
case_folded: Callable[[str, str | None], dict[str, str]] = MIGRATION.module.case_folded


@pytest.fixture
def connection(app: Flask) -> Iterator[Connection]:
    with app.app_context(), db.engine.connect() as connection:
        yield connection


def stored(connection: Connection) -> set[str]:
    return set(connection.execute(text("SELECT title_key || '|' || search_text FROM tasks")).scalars())


def test_the_migration_folds_what_is_there_and_changes_nothing_that_is_shown(
    ada: Person, app: Flask, connection: Connection
) -> None:
    ada.adds("Straße zum Café", description="Ödland")
    before = ada.get("/api/tasks")
    for command, expected in (
        (("downgrade", str(MIGRATION.down_revision)), "strasse zum café|strasse zum café\nödland"),
        (("upgrade",), "strasse zum cafe|strasse zum cafe\nodland"),
    ):
        done = app.test_cli_runner().invoke(args=["db", *command])
        assert done.exit_code == 0, done.output
        assert stored(connection) == {expected}
    after = ada.get("/api/tasks?q=odland")
    shown = [{**task, "position": None} for task in body(after)]  # downgraded, nothing knows of positions
    assert shown == [{**task, "position": None} for task in body(before)]
    assert after.headers["ETag"] == before.headers["ETag"]


def test_what_a_version_before_wrote_meanwhile_is_mended_by_a_command(
    ada: Person, app: Flask, connection: Connection
) -> None:
    ada.adds("Café")
    refold(connection, case_folded)
    assert ada.titles("?q=cafe") == []
    refolded = app.test_cli_runner().invoke(args=["refold"])
    assert refolded.output == "Refolded 1 tasks, and gave 0 a position.\n"
    assert ada.titles("?q=cafe") == ["Café"]
    assert (
        app.test_cli_runner().invoke(args=["refold"]).output == "Refolded 0 tasks, and gave 0 a position.\n"
    )


def test_refolding_that_was_interrupted_is_taken_up_again(ada: Person, connection: Connection) -> None:
    operations = [{"op": "create", "task": {"title": f"é {number}"}} for number in range(100)]
    for _ in range(BATCH // 100 + 1):
        assert ada.post("/api/tasks/batch", json={"operations": operations}).status_code == 200
    assert refold(connection, case_folded) == BATCH + 100
    calls = iter(range(BATCH + 50))

    def interrupted(title: str, description: str | None) -> dict[str, str]:
        next(calls)
        return search_columns(title, description)

    with pytest.raises(StopIteration):
        refold(connection, interrupted)
    assert refold(connection) == 100


def test_who_changes_a_task_while_it_is_refolded_has_the_last_word(
    ada: Person, connection: Connection
) -> None:
    renamed, toggled = ada.adds("é one"), ada.adds("é two")
    refold(connection, case_folded)

    def while_others_write(title: str, description: str | None) -> dict[str, str]:
        if title == "é one":
            assert ada.put(f"/api/tasks/{renamed['id']}", json={"title": "Ö"}).status_code == 200
            assert ada.patch(f"/api/tasks/{toggled['id']}/complete").status_code == 200
        return search_columns(title, description)

    refold(connection, while_others_write)
    assert stored(connection) == {"o|o\n", "e two|e two\n"}


def test_refolding_waits_for_no_user_who_writes(
    ada: Person, connection: Connection, database_url: str
) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite has one writer at a time")
    ada.adds("é")
    refold(connection, case_folded)
    with user_locked(database_url, "ada"):
        assert refold(connection) == 1
