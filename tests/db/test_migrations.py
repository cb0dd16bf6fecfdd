"""The schema: built by migrations, the same as the models', brought up to date by whoever starts first."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import CheckConstraint, inspect, text
from sqlalchemy.exc import DBAPIError

from tests.people import SECRET, Person, body
from tests.postgres import Postgres
from tests.service import Service, flask
from tests.waiting import wait_until
from todo_service import create_app
from todo_service.config import Settings
from todo_service.db.deadlines import LOCK_SECONDS
from todo_service.db.schema_version import MIGRATIONS
from todo_service.extensions import db, metadata

TABLES = {"alembic_version", "users", "tasks", "deletions", "stored_responses", "erasures"}


@pytest.fixture
def fresh(empty: dict[str, str]) -> Iterator[Flask]:
    app = create_app(Settings.from_environ(empty))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def migrate(app: Flask, *command: str) -> None:
    """Run one of the commands for the schema, in this process: to start another one takes far longer."""
    done = app.test_cli_runner().invoke(args=["db", *command])
    assert done.exit_code == 0, done.output


def tables() -> set[str]:
    return set(inspect(db.engine).get_table_names())


def test_the_schema_goes_up_and_down_and_up_again(fresh: Flask) -> None:
    assert tables() == set()
    for _ in range(2):
        migrate(fresh, "upgrade")
        assert tables() == TABLES
        migrate(fresh, "downgrade", "base")
        assert tables() == {"alembic_version"}
    migrate(fresh, "upgrade")
    assert tables() == TABLES


def test_the_migrations_build_what_the_models_say(fresh: Flask) -> None:
    migrate(fresh, "upgrade")
    with db.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
        assert differences == []
        inspector = inspect(connection)
        for table in metadata.sorted_tables:
            indexes = {str(index["name"]) for index in inspector.get_indexes(table.name)}
            assert indexes == {str(index.name) for index in table.indexes}
            checks = {str(check["name"]) for check in inspector.get_check_constraints(table.name)}
            assert checks == {str(c.name) for c in table.constraints if isinstance(c, CheckConstraint)}


def test_right_after_an_upgrade_there_is_nothing_to_migrate(fresh: Flask, tmp_path: Path) -> None:
    migrations = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, migrations)
    migrate(fresh, "upgrade")
    migrate(fresh, "check")
    migrate(fresh, "migrate", "--directory", str(migrations))
    assert {file.name for file in migrations.rglob("*.py")} == {
        file.name for file in MIGRATIONS.rglob("*.py")
    }


def test_what_was_due_before_there_were_days_stays_due_at_a_moment(fresh: Flask) -> None:
    migrate(fresh, "upgrade", "0002")
    before = {**ROW, "due_date": "'2026-02-10 00:00:00.000000'"}
    with db.engine.begin() as connection:
        connection.execute(text("INSERT INTO users VALUES ('ada', NULL, NULL, 1, 0, '2026-01-01 00:00:00')"))
        connection.execute(
            text(f"INSERT INTO tasks ({', '.join(before)}) VALUES ({', '.join(before.values())})")
        )
    migrate(fresh, "upgrade")
    (task,) = body(Person(fresh.test_client(), "ada").get())
    assert task["due_date"] == "2026-02-10T00:00:00Z"


@pytest.mark.parametrize(
    ("written", "shown"),
    [("'2026-02-12 00:00:00.000000'", "2026-02-12T00:00:00Z"), ("NULL", None)],
)
def test_what_a_process_of_the_version_before_writes_of_a_day_is_a_moment(
    ada: Person, app: Flask, written: str, shown: str | None
) -> None:
    ada.adds(due_date="2026-02-10")
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text(f"UPDATE tasks SET due_date = {written}"))
    (task,) = body(ada.get())
    assert task["due_date"] == shown


def test_the_sql_can_be_printed_for_an_administrator(empty: dict[str, str]) -> None:
    printed = flask(empty, "db", "upgrade", "--sql")
    for table in TABLES:
        assert f"CREATE TABLE {table}" in printed


def test_a_new_sqlite_database_is_its_owners_alone(fresh: Flask) -> None:
    if db.engine.dialect.name == "sqlite":
        Person(fresh.test_client(), "ada").adds()
        files = list(Path(str(db.engine.url.database)).parent.glob("empty.db*"))
        assert files
        assert all(file.stat().st_mode & 0o077 == 0 for file in files)


def test_while_another_process_migrates_the_service_lives_but_is_not_ready(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.create(f"busy-{uuid4().hex}")
    settings = {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": url}
    with psycopg2.connect(url) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(7030111405)")
        with Service(settings, tmp_path) as service:
            assert service.http.get("/health").status_code == 200
            assert service.http.get("/health/ready").status_code == 503
            cursor.execute("SELECT pg_advisory_unlock(7030111405)")
            service.wait_until(lambda: service.http.get("/health/ready").status_code == 200)
    other.close()


def test_the_first_request_finds_an_empty_database_and_builds_the_schema(fresh: Flask) -> None:
    assert body(Person(fresh.test_client(), "ada").get()) == []
    assert tables() == TABLES


def test_the_first_question_whether_it_is_ready_builds_the_schema(fresh: Flask) -> None:
    assert fresh.test_client().get("/health/ready").status_code == 200
    assert tables() == TABLES


def test_a_schema_that_changes_under_the_service_makes_it_unready(fresh: Flask) -> None:
    client = fresh.test_client()
    assert client.get("/health/ready").status_code == 200
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    wait_until(lambda: client.get("/health/ready").status_code == 503)


def test_after_a_migration_that_failed_nobody_waits_for_locks_as_long_as_it_might_have(fresh: Flask) -> None:
    if db.engine.dialect.name == "sqlite":
        with db.engine.begin() as connection:
            connection.execute(text("CREATE TABLE users (in_the_way integer)"))
        assert fresh.test_client().get("/health/ready").status_code == 503
        with db.engine.connect() as connection:
            waits = connection.execute(text("PRAGMA busy_timeout")).scalar_one()
            assert waits == LOCK_SECONDS * 1000


@pytest.mark.pooled
def test_several_processes_may_start_on_an_empty_database_at_once(
    empty: dict[str, str], fresh: Flask
) -> None:
    with ThreadPoolExecutor(6) as shells:
        list(shells.map(lambda _: flask(empty, "db", "upgrade"), range(6)))
    assert tables() == TABLES


@pytest.mark.pooled
def test_gunicorns_workers_may_start_on_an_empty_database_at_once(
    empty: dict[str, str], tmp_path: Path
) -> None:
    with Service({**empty, "WEB_CONCURRENCY": "6"}, tmp_path) as service:
        answers = [service.call("ada", "POST", json={"title": "x"}) for _ in range(12)]
        assert {answer.status_code for answer in answers} == {201}
        service.wait_until(lambda: service.http.get("/health/ready").status_code == 200)
        assert "Traceback" not in service.output


def test_the_service_says_what_is_missing_where_it_does_not_migrate(
    empty: dict[str, str], tmp_path: Path
) -> None:
    with Service({**empty, "AUTO_MIGRATE": "off"}, tmp_path) as service:
        for answer in (service.http.get("/health/ready"), service.call("ada", "GET")):
            assert answer.status_code == 503
            assert answer.json()["code"] == "service_unavailable"
        assert service.http.get("/health").status_code == 200
        service.wait_until(lambda: "flask db upgrade" in service.output)
        flask(empty, "db", "upgrade")
        service.wait_until(lambda: service.http.get("/health/ready").status_code == 200)
        service.wait_until(lambda: service.call("ada", "GET").status_code == 200)


def test_a_schema_of_a_later_version_is_left_alone(fresh: Flask) -> None:
    migrate(fresh, "upgrade")
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert fresh.test_client().get("/health/ready").status_code == 503
    assert Person(fresh.test_client(), "ada").get().status_code == 503
    assert tables() == TABLES


ROW = {
    "user_id": "'ada'",
    "id": "'019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11'",
    "title": "'x'",
    "title_key": "'x'",
    "search_text": "'x'",
    "completed": "false",
    "created_at": "'2026-01-01 00:00:00'",
    "updated_at": "'2026-01-01 00:00:00'",
    "revision": "1",
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"user_id": "'nobody'"},
        {"user_id": "NULL"},
        {"title": "''"},
        {"title": "'" + "x" * 201 + "'"},
        {"title": "NULL"},
        {"description": "'" + "x" * 1001 + "'"},
        {"priority": "0"},
        {"priority": "4"},
        {"completed": "true"},
        {"completed_at": "'2026-01-01 00:00:00'"},
        {"revision": "NULL"},
        {"due_day": "'2026-01-01 00:00:01'"},
    ],
)
def test_the_schema_refuses_what_the_code_promises_never_to_write(
    ada: Person, app: Flask, wrong: dict[str, str]
) -> None:
    ada.adds()
    with app.app_context(), db.engine.connect() as connection:

        def insert(row: dict[str, str]) -> None:
            connection.execute(
                text(f"INSERT INTO tasks ({', '.join(row)}) VALUES ({', '.join(row.values())})")
            )

        insert(ROW)
        connection.rollback()
        with pytest.raises(DBAPIError, match=r"(?i)constraint|null|too long"):
            insert({**ROW, **wrong})
