"""Settings come from the environment and `.env`; a bad one stops the start with one line that names it."""

import json
import os
import re
import subprocess
import sys
import traceback
from dataclasses import fields
from pathlib import Path

import pytest

from tests.conftest import bring_up_to_date
from tests.people import SECRET
from tests.service import ROOT, clean_environment, run
from todo_service import create_app
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
        ("BETTER_AUTH_URL", "https://*.example.com"),
        ("BETTER_AUTH_URL", "https://b\u00fccher..example"),
        ("JWKS_URL", "file:///etc/passwd"),
        ("JWT_LEEWAY", "-1"),
        ("JWT_LEEWAY", "1.5"),
        ("JWT_LEEWAY", "301"),
        ("DATABASE_URL", "mysql://host/name"),
        ("DATABASE_URL", "todo.db"),
        ("DATABASE_URL", "sqlite://todo.db"),
        ("DATABASE_URL", "sqlite:///what?.db"),
        ("DATABASE_URL", "sqlite:///what?mode=ro"),
        ("DATABASE_URL", "postgresql://host:port/name"),
        ("DATABASE_URL", "postgresql://host/name?pgbouncer=true"),
        ("AUTO_MIGRATE", "maybe"),
        ("CORS_ORIGINS", "app.example.com"),
        ("CORS_ORIGINS", "https://app.example.com/path"),
        ("CORS_ORIGINS", "*,https://app.example.com"),
        ("CORS_ORIGINS", "https://*.example.com:x"),
        ("CORS_ORIGINS", "https://app.*.example.com"),
        ("CORS_ORIGINS", "https://*"),
        ("CORS_ORIGINS", "capacitor://*.localhost"),
        ("CORS_ORIGINS", "null"),
        ("RATE_LIMIT", "many"),
        ("RATE_LIMIT", "600"),
        ("RATE_LIMIT", "0/minute"),
        ("LOG_LEVEL", "LOUD"),
        ("RATE_LIMIT_STORAGE", "redis://"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
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
    assert re.fullmatch(rf"{name} must be [^\n]+", str(refused.value).replace("must be set", "must be"))


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
            "https://app.example.com/auth/",
            "https://app.example.com/auth/jwks",
            "https://app.example.com",
        ),
        (
            "HTTPS://App.Example.com:443",
            "https://app.example.com/api/auth/jwks",
            "https://app.example.com",
        ),
        (
            "https://b\u00fccher.example",
            "https://xn--bcher-kva.example/api/auth/jwks",
            "https://xn--bcher-kva.example",
        ),
        (
            "https://stra\u00dfe.example",
            "https://xn--strae-oqa.example/api/auth/jwks",
            "https://xn--strae-oqa.example",
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


def test_an_option_that_postgresql_does_not_know_is_refused_by_its_name() -> None:
    with pytest.raises(SettingError, match=r"^DATABASE_URL must be .*\"pgbouncer\""):
        settings(DATABASE_URL="postgresql://u:hidden@host/name?sslmode=require&pgbouncer=true")


@pytest.mark.parametrize("name", ["50%.db", "a b#c.db", "what?.db", "Zoë ☃.db", "100%25.db"])
def test_a_sqlite_file_may_be_called_anything(name: str, tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/{name.replace('%', '%25').replace('?', '%3F')}"
    app = create_app(settings(DATABASE_URL=address))
    bring_up_to_date(app)
    assert app.test_client().get("/health/ready").status_code == 200
    assert (tmp_path / name).exists()


def test_the_default_origins_are_better_auth_and_the_usual_development_servers() -> None:
    local = ("http://localhost:3000", "http://localhost:5173")
    assert settings().allowed_origins == local
    assert settings(BETTER_AUTH_URL="http://localhost:3000/auth").allowed_origins == local
    found = settings(BETTER_AUTH_URL="https://app.example.com").allowed_origins
    assert found == ("https://app.example.com", *local)


@pytest.mark.parametrize(
    ("written", "origins"),
    [
        ("https://App.Example.com:443/, http://[::1]:80", ("https://app.example.com", "http://[::1]")),
        ("capacitor://localhost,tauri://localhost", ("capacitor://localhost", "tauri://localhost")),
        ("chrome-extension://abc", ("chrome-extension://abc",)),
        ("https://*.b\u00fccher.example:8443", ("https://*.xn--bcher-kva.example:8443",)),
        ("*", ("*",)),
    ],
)
def test_origins_of_ones_own_replace_the_default(written: str, origins: tuple[str, ...]) -> None:
    given = settings(BETTER_AUTH_URL="https://auth.example.com", CORS_ORIGINS=written)
    assert given.allowed_origins == origins


def test_a_setting_may_be_surrounded_by_blanks_and_written_in_any_case() -> None:
    given = settings(LOG_LEVEL=" debug\r", AUTO_MIGRATE="Off ", PORT=" 80\n", DATABASE_URL="sqlite:///x.db\n")
    assert (given.log_level, given.auto_migrate, given.port) == ("DEBUG", False, 80)
    assert given.database_url.database == "x.db"


def test_reading_settings_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.delenv("THREADS", raising=False)
    before = dict(os.environ)
    assert settings(THREADS="2").port == 8000
    with pytest.raises(SettingError):
        settings(PORT="none")
    assert dict(os.environ) == before


def shown(directory: Path, expression: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a program prints that loads its settings in this directory."""
    program = (
        f"from todo_service import create_app\nfrom todo_service.config import Settings\nprint({expression})"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=directory,
        env=clean_environment(PYTHONPATH=str(ROOT), **environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_the_environment_comes_before_the_env_file_which_may_be_written_as_editors_do(tmp_path: Path) -> None:
    lines = [
        f"BETTER_AUTH_SECRET={SECRET}",
        "export HOST='::1' # all",
        "# PORT=1",
        'PORT="9001"',
        "THREADS=3",
    ]
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    values = "(s := Settings.load()).better_auth_secret, s.host, s.port, s.threads"
    assert shown(tmp_path, values, THREADS="4").stdout == f"{SECRET} ::1 9001 4\n"


@pytest.mark.parametrize("reason", ["a directory", "not UTF-8", "another user's"])
def test_an_env_file_that_cannot_be_read_is_passed_over_with_one_line(reason: str, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    if reason == "a directory":
        file.mkdir()
    else:
        file.write_bytes(b"PORT=9001\nHOST=\xff\n" if reason == "not UTF-8" else b"PORT=9001\n")
    if reason == "another user's":
        file.chmod(0)
        if os.access(file, os.R_OK):
            pytest.skip("root may read everything")
    asked = "(create_app(s := Settings.load()), create_app(s), s.port)[-1]"
    found = shown(tmp_path, asked, **ENOUGH, DATABASE_URL="sqlite://")
    assert found.stdout == "8000\n"
    (line,) = map(json.loads, found.stderr.splitlines())
    assert re.fullmatch(r"\.env is passed over, for it cannot be read: \w+", line["message"])


def test_a_missing_env_file_is_no_reason_to_speak(tmp_path: Path) -> None:
    found = shown(tmp_path, "Settings.load().port", **ENOUGH)
    assert (found.stdout, found.stderr) == ("8000\n", "")


def test_an_empty_value_counts_as_unset_but_switches_the_rate_limit_off() -> None:
    empty = settings(**{declared.name.upper(): "" for declared in fields(Settings) if declared.repr})
    assert empty == settings(RATE_LIMIT="")
    assert settings().rate_limit == "600/minute"


def test_secrets_are_read_to_the_letter_and_never_shown() -> None:
    storage = "redis://:whispered@h/0"
    given = settings(
        BETTER_AUTH_SECRET=f" {SECRET}\n",
        DATABASE_URL="postgresql://u:hidden@h/d",
        RATE_LIMIT_STORAGE=storage,
    )
    assert given.better_auth_secret == f" {SECRET}\n"
    assert SECRET not in repr(given)
    assert "hidden" not in repr(given)
    assert "whispered" not in repr(given)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BETTER_AUTH_SECRET", "hidden"),
        ("BETTER_AUTH_URL", "https://me:hidden@app.example.com"),
        ("DATABASE_URL", "postgresql://u:hidden@h:port/d"),
        ("DATABASE_URL", "mysql://u:hidden@h/d"),
        ("DATABASE_URL", "postgresql://u:hidden@h/d?password=hidden&pgbouncer=hidden"),
        ("RATE_LIMIT_STORAGE", "redis://:hidden@h:port/0"),
        ("RATE_LIMIT_STORAGE", "redis://u:hidden/word@h:6379/0"),
    ],
)
def test_what_is_wrong_with_a_secret_is_told_without_it(name: str, value: str) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.from_environ({**ENOUGH, name: value})
    assert "hidden" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    "command", [("gunicorn", "wsgi:app"), ("flask", "db", "current"), ("flask", "token", "ada")]
)
def test_a_bad_setting_stops_every_command_with_one_line(command: tuple[str, ...], tmp_path: Path) -> None:
    for name, value in {"BETTER_AUTH_SECRET": "short", "METRICS_PORT": "soon"}.items():
        stopped = run(*command, **{**ENOUGH, name: value})
        assert stopped.returncode != 0
        assert stopped.stdout == ""
        assert re.fullmatch(rf"todo_service cannot start: {name} must [^\n]+\n", stopped.stderr)


def test_a_service_without_any_way_to_verify_tokens_does_not_start() -> None:
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
