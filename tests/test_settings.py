"""Settings come from the environment and `.env`; a bad one stops the start with one line that names it."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from tests.people import SECRET
from tests.service import ROOT, run
from todo_service.config import SettingError, Settings

ENOUGH = {"BETTER_AUTH_SECRET": SECRET}


def settings(**environment: str) -> Settings:
    return Settings.from_environ({**ENOUGH, **environment})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BETTER_AUTH_SECRET", ""),
        ("BETTER_AUTH_SECRET", "   "),
        ("BETTER_AUTH_SECRET", "x" * 31),
        ("BETTER_AUTH_URL", "app.example.com"),
        ("BETTER_AUTH_URL", "ftp://app.example.com"),
        ("BETTER_AUTH_URL", "https://"),
        ("BETTER_AUTH_URL", "https://app.example.com:99999"),
        ("BETTER_AUTH_URL", "https://user:pw@app.example.com"),
        ("BETTER_AUTH_URL", "https://app.example.com?x=1"),
        ("JWKS_URL", "file:///etc/passwd"),
        ("JWT_LEEWAY", "-1"),
        ("JWT_LEEWAY", "1.5"),
        ("JWT_LEEWAY", "301"),
        ("JWT_LEEWAY", "\u0661"),
        ("DATABASE_URL", "mysql://host/name"),
        ("DATABASE_URL", "todo.db"),
        ("DATABASE_URL", "postgresql://host:port/name"),
        ("DATABASE_URL", "postgresql://host/name?pgbouncer=true"),
        ("AUTO_MIGRATE", "maybe"),
        ("CORS_ORIGINS", "app.example.com"),
        ("CORS_ORIGINS", "https://app.example.com/path"),
        ("CORS_ORIGINS", "*,https://app.example.com"),
        ("CORS_ORIGINS", "https://*.example.com:x"),
        ("RATE_LIMIT", "many"),
        ("RATE_LIMIT", "600"),
        ("RATE_LIMIT", "0/minute"),
        ("LOG_LEVEL", "LOUD"),
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("THREADS", "0"),
        ("WEB_CONCURRENCY", "many"),
    ],
)
def test_an_unusable_setting_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingError) as refused:
        settings(**{name: value})
    assert re.match(rf"{name} (must|has) [^\n]+$", str(refused.value))
    assert value.strip() == "" or name not in ("BETTER_AUTH_SECRET",) or value not in str(refused.value)


def test_a_key_set_elsewhere_needs_its_issuer_and_audience() -> None:
    address = {"JWKS_URL": "https://keys.example.com/jwks"}
    with pytest.raises(SettingError, match=r"^BETTER_AUTH_URL must be set"):
        settings(**address)
    named = settings(**address, JWT_ISSUER="https://issuer.example.com", JWT_AUDIENCE="todo")
    assert (named.issuer, named.audience) == ("https://issuer.example.com", "todo")


@pytest.mark.parametrize(
    ("base", "jwks", "origin"),
    [
        ("https://app.example.com", "https://app.example.com/api/auth/jwks", "https://app.example.com"),
        ("https://app.example.com/", "https://app.example.com/api/auth/jwks", "https://app.example.com"),
        (
            "https://app.example.com/api/auth",
            "https://app.example.com/api/auth/jwks",
            "https://app.example.com",
        ),
        (
            "HTTPS://App.Example.com:443",
            "HTTPS://App.Example.com:443/api/auth/jwks",
            "https://app.example.com",
        ),
        ("http://localhost:3000", "http://localhost:3000/api/auth/jwks", "http://localhost:3000"),
        ("http://[::1]:3000", "http://[::1]:3000/api/auth/jwks", "http://[::1]:3000"),
    ],
)
def test_better_auths_address_says_where_its_keys_are(base: str, jwks: str, origin: str) -> None:
    given = settings(BETTER_AUTH_URL=base)
    assert (given.key_set_url, given.issuer, given.audience) == (jwks, origin, origin)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_hosted_postgresql_addresses_work_as_they_are(scheme: str) -> None:
    url = settings(
        DATABASE_URL=f"{scheme}://u:p%40@host/db?sslmode=require&channel_binding=require"
    ).database_url
    assert url.drivername == "postgresql+psycopg2"
    assert url.password == "p@"
    assert url.query == {"sslmode": "require", "channel_binding": "require"}


def test_an_empty_value_counts_as_unset_but_switches_the_rate_limit_off() -> None:
    empty = settings(**{declared.name.upper(): "" for declared in fields(Settings) if declared.repr})
    assert empty == settings(RATE_LIMIT="")
    assert settings().rate_limit == "600/minute"


def test_secrets_are_read_to_the_letter_and_never_shown() -> None:
    given = settings(BETTER_AUTH_SECRET=f" {SECRET}\n", DATABASE_URL="postgresql://u:hidden@h/d")
    assert given.better_auth_secret == f" {SECRET}\n"
    assert SECRET not in repr(given)
    assert "hidden" not in repr(given)


@pytest.mark.parametrize(
    "command", [("gunicorn", "wsgi:app"), ("flask", "db", "current"), ("flask", "token", "ada")]
)
def test_a_bad_setting_stops_every_command_with_one_line(command: tuple[str, ...], tmp_path: Path) -> None:
    for name, value in {"BETTER_AUTH_SECRET": "short", "JWT_LEEWAY": "soon"}.items():
        stopped = run(*command, **{**ENOUGH, name: value})
        assert stopped.returncode != 0
        assert stopped.stdout == ""
        assert re.fullmatch(rf"todo_service cannot start: {name} must [^\n]+\n", stopped.stderr)


def test_without_any_way_to_verify_tokens_nothing_starts() -> None:
    stopped = run("gunicorn", "wsgi:app", BETTER_AUTH_SECRET="")
    assert stopped.returncode != 0
    assert stopped.stderr.startswith("todo_service cannot start: BETTER_AUTH_SECRET must be set")


def test_the_readme_and_the_example_list_every_setting_as_it_is() -> None:
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| (.*?) \| (.*?) \|$", readme, re.MULTILINE)
    example = (ROOT / ".env.example").read_text()
    lines = re.findall(r"^# \((.+?)\) (.+)\n(?:# )?([A-Z_]+)=(.*)$", example, re.MULTILINE)
    declared = [
        (setting.name.upper(), *(setting.metadata[known] for known in ("type", "default", "meaning")))
        for setting in fields(Settings)
    ]
    assert [(name, kind, default.strip("`"), meaning) for name, kind, default, meaning in rows] == declared
    assert [(name, kind, default, meaning) for kind, meaning, name, default in lines] == declared
