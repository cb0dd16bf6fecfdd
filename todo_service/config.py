"""Every setting of the service: read once by environs, typed, and refused by name when wrong."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from dotenv import load_dotenv
from environs import EnvValidationError, validate
from sqlalchemy.engine import URL

from todo_service.setting_types import MUST_BE, SECRET, Proxies, env, origin

VERSION = "1.0.0"
LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"]
FORMATS = ["json", "console"]


def read_env_file() -> list[str]:
    """Let `.env` of the working directory set what the environment does not; why it cannot be read, if so."""
    try:
        with Path(".env").open(encoding="utf-8-sig") as file:
            load_dotenv(stream=file)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:  # another user's, say, or not UTF-8
        return [type(error).__name__]
    return []


# As whoever needs a setting is imported: prometheus_client, too, looks into the environment just then.
ENV_FILE_ERRORS = read_env_file()  # told of by logs.configure, which knows how


class SettingError(ValueError):
    """A setting is missing or unusable; the message is one line that begins with its name."""


def setting(kind: str, default: str, meaning: str, extent: str = "", **options: Any) -> Any:
    """Declare a setting, whose name in the environment is the attribute's in capitals: by the method of
    environs' `Env` that parses it, with what options, and its default as one writes it."""
    documented = {"type": kind.replace("_", " ") + extent, "default": default, "meaning": meaning}
    return field(repr=kind not in SECRET, metadata={**documented, "kind": kind, "options": options})


def number(least: int, most: int, default: str, meaning: str) -> Any:
    return setting("int", default, meaning, f" {least}-{most}", validate=validate.Range(least, most))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings, in the order in which the README and `.env.example` list them."""

    better_auth_secret: str = setting(
        "hmac_secret", "", "Shared secret of HS256 tokens, 32 bytes at least. Needed without a key set."
    )
    better_auth_url: str = setting(
        "web_address", "", "Base URL of the Better Auth server. Turns on tokens that its key set verifies."
    )
    jwks_url: str = setting(
        "web_address", "", "Its key set. Default: `/api/auth/jwks` there, or `/jwks` below a path of its own."
    )
    jwt_issuer: str = setting(
        "str", "", "`iss` that key-set tokens must carry, if it is not the origin of BETTER_AUTH_URL."
    )
    jwt_audience: str = setting(
        "str", "", "`aud` that key-set tokens must carry, if it is not the origin of BETTER_AUTH_URL."
    )
    jwt_leeway: int = number(0, 300, "0", "Seconds by which the auth server's clock may differ from ours.")
    database_url: URL = setting(
        "database_url", "sqlite:///todo.db", "`postgresql://…`, or `sqlite:///file`, relative to `instance/`."
    )
    auto_migrate: bool = setting(
        "bool", "true", "Migrate at the start. Off: run `flask db upgrade` in your release step."
    )
    cors_origins: tuple[str, ...] = setting(
        "origins",
        "",
        "Origins whose pages may call. Default: BETTER_AUTH_URL's, http://localhost:3000 and http://localhost:5173.",
    )
    rate_limit: str = setting(
        "rate", "600/minute", "Requests per user, and refused tokens per address; empty: no limit."
    )
    rate_limit_storage: str = setting(
        "rate_storage", "memory://", "Where they are counted: per process, or all in `redis://host:6379/0`."
    )
    trusted_proxies: Proxies = setting(
        "proxies",
        "",
        "Whose `X-Forwarded-For` and `-Prefix` count: how many, or networks, like `10.0.0.0/8,::1`.",
    )
    idempotency_hours: int = number(
        1, 8760, "24", "Hours for which answers to an `Idempotency-Key` are kept."
    )
    deletions_days: int = number(
        1, 3650, "90", "Days for which `flask prune` leaves deletions, for devices that sync."
    )
    log_level: str = setting(
        "choice", "INFO", "`DEBUG`, `INFO`, `WARNING` or `ERROR`: the least that is logged.", choices=LEVELS
    )
    log_format: str = setting(
        "choice", "json", "`json`: an object a line; `console`: readable for people.", choices=FORMATS
    )
    metrics_port: int = number(
        0, 65535, "0", "Port on HOST that serves Prometheus metrics, to be kept from the public; `0`: none."
    )
    host: str = setting("str", "127.0.0.1", "Address to listen on; `0.0.0.0`: also for other machines.")
    port: int = number(1, 65535, "8000", "Port to listen on.")
    web_concurrency: int = number(
        0, 256, "0", "Worker processes; `0`: one for each processor, eight at most."
    )
    threads: int = number(
        1, 256, "8", "Database connections of each worker at most: requests that work at one moment."
    )

    @classmethod
    def load(cls) -> Self:
        """Read the environment, to which `.env` has been added."""
        return cls.from_environ(os.environ)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read every setting from these variables alone.

        Raises:
            SettingError: a value is unusable, or no way to verify tokens is configured.
        """
        declared = {setting.name.upper(): setting.metadata for setting in fields(cls)}
        with exclusive_environment(
            {name: raw_value(name, environ.get(name), how["default"]) for name, how in declared.items()}
        ):
            return cls(**{name.lower(): parse(name, **how) for name, how in declared.items()})

    def __post_init__(self) -> None:
        if not self.better_auth_secret and not self.key_set_url:
            raise SettingError("BETTER_AUTH_SECRET must be set (or BETTER_AUTH_URL, for its key set)")
        if self.key_set_url and not (self.issuer and self.audience):
            raise SettingError("BETTER_AUTH_URL must be set (or JWT_ISSUER and JWT_AUDIENCE)")

    @property
    def key_set_url(self) -> str:
        """Where the auth server publishes its keys; empty when only the shared secret counts."""
        below = "/jwks" if urlsplit(self.better_auth_url).path else "/api/auth/jwks"
        return self.jwks_url or (self.better_auth_url and self.better_auth_url + below)

    @property
    def auth_origin(self) -> str:
        return self.better_auth_url and origin(self.better_auth_url)

    @property
    def issuer(self) -> str:
        return self.jwt_issuer or self.auth_origin

    @property
    def audience(self) -> str:
        return self.jwt_audience or self.auth_origin

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        usual = (self.auth_origin, "http://localhost:3000", "http://localhost:5173")  # Next.js's and Vite's
        return self.cors_origins or tuple(dict.fromkeys(filter(None, usual)))

    @property
    def workers(self) -> int:
        return self.web_concurrency or min(processors(), 8)


def raw_value(name: str, value: str | None, default: str) -> str:
    """A value as environs is to read it. Empty counts as unset, but for RATE_LIMIT: that is then off."""
    if value is None or (not value.strip() and name != "RATE_LIMIT"):
        return default
    return value if name == "BETTER_AUTH_SECRET" else value.strip()  # the secret counts to the last blank


def parse(name: str, kind: str, options: dict[str, Any], **_documented: str) -> Any:
    must = f"{name} must be {MUST_BE[kind]}"
    try:
        return getattr(env, kind)(name, **options)
    except EnvValidationError as error:
        raise SettingError(f"{must}: {'; '.join(error.error_messages)}") from None
    except ValueError:  # its message may quote a secret
        raise SettingError(must) from None


@contextmanager
def exclusive_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Let these variables stand in the environment as given: environs looks nowhere else."""
    before = {name: os.environ.pop(name) for name in variables if name in os.environ}
    try:
        os.environ.update(variables)
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)
        os.environ.update(before)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
