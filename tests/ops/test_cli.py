"""`flask token`: a token for development, or one line that says why not."""

import time
from pathlib import Path

import jwt
import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.people import SECRET, Person, body
from tests.service import ROOT, run

VERSIONS = ROOT / "migrations" / "versions"


def claims(app: Flask, *arguments: str) -> dict[str, object]:
    printed = app.test_cli_runner().invoke(args=["token", *arguments]).output
    return jwt.decode(printed.strip(), SECRET, ["HS256"])


def test_the_token_is_good_for_the_service(app: Flask) -> None:
    printed = app.test_cli_runner().invoke(args=["token", "ada"]).output
    ada = Person(app.test_client(), "nobody")
    ada.authorization = f"Bearer {printed.strip()}"
    assert body(ada.post(json={"title": "x"}))["user_id"] == "ada"


def test_the_token_says_what_was_asked_for(app: Flask) -> None:
    said = claims(app, "ada", "--email", "ada@example.com", "--name", "Ada", "--expires", "60")
    assert (said["sub"], said["email"], said["name"]) == ("ada", "ada@example.com", "Ada")
    assert isinstance(said["exp"], int)
    assert 0 < said["exp"] - time.time() <= 60
    assert "email" not in claims(app, "ada")


@pytest.mark.parametrize(
    "arguments", [[""], ["x" * 256], [], ["ada", "--expires", "0"], ["ada", "--expires", "x"]]
)
def test_arguments_that_make_no_usable_token_are_refused(app: Flask, arguments: list[str]) -> None:
    result = app.test_cli_runner().invoke(args=["token", *arguments])
    assert result.exit_code != 0
    assert "Error: " in result.output


def test_the_command_says_in_one_line_that_there_is_no_shared_secret(make_app: MakeApp) -> None:
    keys_only = make_app(BETTER_AUTH_SECRET="", BETTER_AUTH_URL="https://app.example.com")
    result = keys_only.test_cli_runner().invoke(args=["token", "ada"])
    assert result.exit_code == 1
    assert result.output == (
        "Error: BETTER_AUTH_SECRET is not set, and only the auth server can sign with its keys.\n"
    )


def test_the_command_works_from_a_shell() -> None:
    printed = run("flask", "token", "ada", BETTER_AUTH_SECRET=SECRET)
    assert printed.returncode == 0, printed.stderr
    assert jwt.decode(printed.stdout.strip(), SECRET, ["HS256"])["sub"] == "ada"


def test_no_migration_is_written_where_none_is_needed(tmp_path: Path) -> None:
    settings = {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": f"sqlite:///{tmp_path}/todo.db"}
    before = set(VERSIONS.glob("*.py"))
    for command in ("upgrade", "migrate"):
        assert run("flask", "db", command, **settings).returncode == 0
    written = set(VERSIONS.glob("*.py")) - before
    for file in written:
        file.unlink()
    assert not written


@pytest.mark.parametrize("command", [["prune"], ["refold"], ["users", "erase", "ada"]], ids=" ".join)
def test_a_database_that_is_away_is_told_in_a_line(command: list[str]) -> None:
    away = {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    answer = run("flask", *command, **away)
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1] == "Error: The database is not available at the moment."
    assert "Traceback" not in answer.stderr
