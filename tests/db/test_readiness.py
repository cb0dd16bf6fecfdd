"""A database that answers, but not as it must: 503, not ready, and the log says what helps (contract §1)."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from tests.database_events import app_engine, listening
from tests.db.applications import ada_at, is_ready, make, run
from tests.log_lines import LogLines
from tests.people import Person, body
from tests.postgres import Postgres
from tests.service import flask
from tests.unavailable import refused
from tests.waiting import wait_until
from todo_service.db.schema_version import RETRY_SECONDS
from todo_service.extensions import db

EMOJI = "café 😀"


@pytest.fixture
def log_lines(capfd: pytest.CaptureFixture[str]) -> LogLines:
    return LogLines(capfd)


# ---- read-only


@contextmanager
def demoted(server: Postgres) -> Iterator[None]:
    """Let all transactions of a server only read, those of connections that are open already, too."""
    run(server.url(), "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    try:
        yield
    finally:
        reset = ("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
        run(server.url(), *reset, options="-c default_transaction_read_only=off")


def test_after_a_failover_the_service_writes_to_the_new_primary(
    own_postgres: Postgres, postgres: Postgres
) -> None:
    name = f"failover-{uuid4().hex}"
    old, new = own_postgres.create(name), postgres.create(name)
    ada_at(new).adds("from before, as a replica has it")
    ada = ada_at(f"{old}&{new.partition('?')[2]}&target_session_attrs=read-write")
    ada.adds("old")
    with demoted(own_postgres):
        wait_until(lambda: refused(ada.post(json={"title": "lost"})))
        ada.adds("new")
        wait_until(lambda: is_ready(ada))
        assert ada.titles() == ["new", "from before, as a replica has it"]


def test_where_there_is_no_other_primary_what_can_only_be_read_is_read(own_postgres: Postgres) -> None:
    ada = ada_at(own_postgres.create(f"replica-{uuid4().hex}"))
    task = ada.adds()
    with demoted(own_postgres):
        wait_until(lambda: not is_ready(ada))
        for _ in range(3):
            answer = ada.post(json={"title": "lost"})
            assert refused(answer)
            assert "only be read" in body(answer)["detail"]
            assert body(ada.get()) == [task]
    wait_until(lambda: is_ready(ada))
    ada.adds()


# Class 08 and 57P: what PostgreSQL says when it ends connections, and poolers in its place.
@pytest.mark.parametrize(
    "code",
    ["57P01", "57P02", "57P03", "57P05", "08000", "08001", "08003", "08004", "08006", "08007", "08P01"],
)
def test_a_connection_that_has_told_of_its_end_is_not_used_again(postgres: Postgres, code: str) -> None:
    url = postgres.create(f"ends-{uuid4().hex}")
    app = make(url)
    ada = Person(app.test_client(), "ada")
    task = ada.adds()
    end = f"CREATE FUNCTION ends() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE SQLSTATE ''{code}''; END'"
    run(url, end, "CREATE TRIGGER ends BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION ends()")
    assert refused(ada.post(json={"title": "lost"}))
    with listening(app_engine(app), "connect", lambda *_: None) as connected:
        assert body(ada.get()) == [task]
    assert len(connected) == 1


# ---- rights and schema


@pytest.fixture
def owned(postgres: Postgres) -> Iterator[tuple[str, str]]:
    """The URLs of a database for its owner, and for a role that has no rights in it."""
    role = f"todo_{uuid4().hex}"
    url = postgres.create(role)
    run(url, f"CREATE ROLE {role} LOGIN")
    yield url, url.replace("postgres@", f"{role}@")
    run(url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def grants(log_lines: LogLines) -> str:
    """What the log, which says it once, says that the owner has to run."""
    (line,) = (line for line in log_lines.written if "GRANT" in line)
    return line[line.index("GRANT") : line.rindex(";")]


@pytest.mark.parametrize("auto_migrate", ["on", "off"])
def test_who_has_too_few_rights_reads_in_the_log_which_are_missing(
    owned: tuple[str, str], auto_migrate: str, log_lines: LogLines
) -> None:
    owners, roles = owned
    if auto_migrate == "off":
        ada_at(owners).adds()  # which migrates
    ada = ada_at(roles, AUTO_MIGRATE=auto_migrate)
    for _ in range(3):
        assert refused(ada.get())
        assert refused(ada.post(json={"title": "x"}))
        assert not is_ready(ada)
    run(owners, grants(log_lines))
    wait_until(lambda: is_ready(ada))
    ada.adds()


def test_a_right_that_is_missing_on_one_table_makes_it_unready(
    owned: tuple[str, str], log_lines: LogLines
) -> None:
    owners, roles = owned
    ada_at(owners).adds()
    ada = ada_at(roles, AUTO_MIGRATE="off")
    role = roles.partition("@")[0].rpartition("/")[2]
    run(owners, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
    run(owners, f"REVOKE ALL ON erasures FROM {role}")
    assert not is_ready(ada)
    assert (
        refused(ada.post(json={"title": "lost"}, headers={"Idempotency-Key": "1"})) is False
    )  # needs it not
    run(owners, grants(log_lines))
    wait_until(lambda: is_ready(ada))


def test_a_database_with_tables_of_somebody_elses_is_left_alone(
    empty: dict[str, str], log_lines: LogLines
) -> None:
    run(empty["DATABASE_URL"], "CREATE TABLE users (in_the_way integer)")
    ada = ada_at(empty["DATABASE_URL"])
    began = time.monotonic()
    for _ in range(20):
        assert refused(ada.get())
        assert not is_ready(ada)
    assert 1 <= log_lines.text.count("Running upgrade") <= attempts_since(began)
    assert log_lines.text.count("already exists") == 1


def test_a_migration_that_fails_unforeseen_is_told_and_not_tried_per_request(
    empty: dict[str, str], log_lines: LogLines
) -> None:
    def fail(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "CREATE TABLE users" in statement:
            raise ZeroDivisionError

    app = make(empty["DATABASE_URL"])
    ada = Person(app.test_client(), "ada")
    began = time.monotonic()
    with listening(app_engine(app), "before_cursor_execute", fail):
        assert all(refused(ada.get()) for _ in range(20))
        assert not is_ready(ada)
    lines = log_lines.all("The schema could not be looked after")
    assert 1 <= len(lines) <= attempts_since(began)
    assert lines[0]["exception"][0]["type"].endswith("ZeroDivisionError")


def attempts_since(began: float) -> int:
    """How often at most the schema may have been looked after."""
    return 1 + int((time.monotonic() - began) / RETRY_SECONDS)


def test_the_schema_is_built_once_nothing_is_in_the_way_any_more(empty: dict[str, str]) -> None:
    run(empty["DATABASE_URL"], "CREATE TABLE users (in_the_way integer)")
    ada = ada_at(empty["DATABASE_URL"])
    assert refused(ada.get())
    run(empty["DATABASE_URL"], "DROP TABLE users")
    wait_until(lambda: is_ready(ada))
    ada.adds()


def test_a_schema_that_vanishes_under_the_service_is_missed_and_not_made_anew(
    empty: dict[str, str], log_lines: LogLines
) -> None:
    app = make(empty["DATABASE_URL"])
    ada = Person(app.test_client(), "ada")
    ada.adds()
    with app.app_context():
        for table in ("stored_responses", "deletions", "tasks", "users", "erasures", "alembic_version"):
            with db.engine.connect() as connection:
                connection.execute(text(f"DROP TABLE {table}"))
    wait_until(lambda: not is_ready(ada))
    for _ in range(3):
        assert refused(ada.get())
        assert refused(ada.post(json={"title": "lost"}))
        assert not is_ready(ada)
    assert log_lines.text.count("flask db upgrade") == 1
    flask(empty, "db", "upgrade")
    wait_until(lambda: is_ready(ada))
    assert ada.titles() == []


# ---- encoding


@pytest.mark.parametrize("setting", ["PGCLIENTENCODING", "ROLE", "DATABASE", "URL"])
def test_connections_are_in_utf8_whatever_encoding_others_have_set(
    postgres: Postgres, owned: tuple[str, str], setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, role = owned[0], owned[1].partition("@")[0].rpartition("/")[2]
    if setting == "PGCLIENTENCODING":
        monkeypatch.setenv(setting, "LATIN1")
    elif setting == "URL":
        url += "&client_encoding=latin1&options=-c%20client_encoding%3Dlatin1"
    else:
        run(
            url,
            f"GRANT CREATE ON SCHEMA public TO {role}",
            f"ALTER {setting} {role} SET client_encoding = latin1",
        )
        url = owned[1]
    ada = ada_at(url)
    ada.adds(EMOJI)
    assert ada.titles() == [EMOJI]


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_is_not_utf8_is_not_ready_and_says_so(
    postgres: Postgres, encoding: str, log_lines: LogLines
) -> None:
    name = f"encoding-{uuid4().hex}"
    postgres.psql(f"CREATE DATABASE \"{name}\" ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'")
    ada = ada_at(postgres.url(name))
    for answer in (ada.get("/health/ready"), ada.get(), ada.post(json={"title": EMOJI})):
        assert refused(answer)
        assert "not UTF-8" in body(answer)["detail"]
    assert log_lines.text.count(f"encoding is {encoding}") == 1


# ---- SQLite's file


def test_an_sqlite_file_that_is_deleted_is_missed_until_it_is_back(
    tmp_path: Path, log_lines: LogLines
) -> None:
    file, elsewhere = tmp_path / "todo.db", tmp_path / "backup.db"
    ada = ada_at(f"sqlite:///{file}")
    task = ada.adds()
    run(f"sqlite:///{file}", f"VACUUM INTO '{elsewhere}'")
    for part in tmp_path.glob("todo.db*"):
        part.unlink()
    assert refused(ada.post(json={"title": "lost"}))
    assert refused(ada.get())
    assert not is_ready(ada)
    assert not file.exists()
    assert f"Not ready: {file} has been deleted" in log_lines.text
    elsewhere.rename(file)
    wait_until(lambda: is_ready(ada))
    assert body(ada.get()) == [task]
    ada.adds()


def test_an_sqlite_file_that_is_replaced_is_left_for_the_new_one(tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "todo.db", tmp_path / "other.db"
    ada, other = ada_at(f"sqlite:///{file}"), ada_at(f"sqlite:///{elsewhere}")
    ada.adds()
    task = other.adds("restored")
    with closing(sqlite3.connect(elsewhere)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    elsewhere.rename(file)
    assert body(ada.get()) == [task]
