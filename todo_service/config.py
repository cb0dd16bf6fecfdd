"""Every setting of the service: read once from the environment, typed, and refused by name when wrong."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from dotenv import load_dotenv
from sqlalchemy.engine import URL

from todo_service import setting_types as types

VERSION = "1.0.0"


class SettingError(ValueError):
    """A setting is missing or unusable; the message is one line that begins with its name."""


def setting(
    parse: Callable[[str], Any],
    default: str,
    meaning: str,
    *,
    secret: bool = False,
    may_be_empty: bool = False,
) -> Any:
    """Declare a setting: how to read it, its default as one would write it, and what it means.

    The name in the environment is the attribute's in capitals. An empty value counts as unset, unless
    it `may_be_empty`. A `secret` is read to the letter and never shown.
    """
    return field(
        repr=not secret,
        metadata={
            "parse": parse if secret else lambda written: parse(written.strip()),
            "type": parse.__name__.replace("_", " "),
            "default": default,
            "meaning": meaning,
            "may_be_empty": may_be_empty,
        },
    )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings, in the order in which the README and `.env.example` list them."""

    better_auth_secret: str = setting(
        types.hmac_secret,
        "",
        "Shared secret of HS256 tokens, 32 bytes at least. Needed unless BETTER_AUTH_URL or JWKS_URL is set.",
        secret=True,
    )
    better_auth_url: str = setting(
        types.web_address,
        "",
        "Base URL of the Better Auth server. Turns on EdDSA, ES256 and RS256 tokens through its key set.",
    )
    jwks_url: str = setting(
        types.web_address, "", "Address of the key set, if it is not BETTER_AUTH_URL + /api/auth/jwks."
    )
    jwt_issuer: str = setting(
        types.text, "", "`iss` that key-set tokens must carry, if it is not the origin of BETTER_AUTH_URL."
    )
    jwt_audience: str = setting(
        types.text, "", "`aud` that key-set tokens must carry, if it is not the origin of BETTER_AUTH_URL."
    )
    jwt_leeway: int = setting(
        types.number(0, 300), "0", "Seconds by which the auth server's clock may differ from ours."
    )
    database_url: URL = setting(
        types.database_url,
        "sqlite:///todo.db",
        "`postgresql://user:password@host/name`, or `sqlite:///file`; a relative file lies in `instance/`.",
        secret=True,
    )
    auto_migrate: bool = setting(
        types.flag,
        "true",
        "Bring the schema up to date at the start. Off: run `flask db upgrade` in your release step.",
    )
    cors_origins: tuple[str, ...] = setting(
        types.origins,
        "",
        "Comma-separated origins whose pages may call the service. Default: BETTER_AUTH_URL and http://localhost:3000.",
    )
    rate_limit: str = setting(
        types.rate,
        "600/minute",
        "Requests per user, and refused tokens per address, like `600/minute`; empty: no limit.",
        may_be_empty=True,
    )
    rate_limit_storage: str = setting(
        types.rate_storage,
        "memory://",
        "Where they are counted: each process for itself, or all together in `redis://host:6379/0`.",
        secret=True,
    )
    trusted_proxies: types.Proxies = setting(
        types.proxies,
        "",
        "Proxies whose `X-Forwarded-For` counts: how many, or their networks, like `10.0.0.0/8,::1`.",
    )
    idempotency_hours: int = setting(
        types.number(1, 8760), "24", "Hours for which the answer to an `Idempotency-Key` is kept."
    )
    deletions_days: int = setting(
        types.number(1, 3650),
        "90",
        "Days for which deletions are kept for devices that sync; older ones `flask prune` removes.",
    )
    log_level: str = setting(
        types.log_level, "INFO", "`DEBUG`, `INFO`, `WARNING` or `ERROR`: the least that is logged."
    )
    log_format: str = setting(
        types.log_format, "json", "`json`: an object a line; `console`: readable for people."
    )
    metrics_port: int = setting(
        types.number(0, 65535),
        "0",
        "Port on HOST that serves Prometheus metrics, to be kept from the public; `0`: none.",
    )
    host: str = setting(
        types.text, "127.0.0.1", "Address to listen on; `0.0.0.0` to be reached from other machines."
    )
    port: int = setting(types.number(1, 65535), "8000", "Port to listen on.")
    web_concurrency: int = setting(
        types.number(0, 256), "0", "Worker processes; `0`: one for each processor, eight at most."
    )
    threads: int = setting(
        types.number(1, 256), "8", "Threads, and so database connections at most, of each worker."
    )

    @classmethod
    def load(cls) -> Self:
        """Read the environment and, for what it leaves out, the `.env` file of the working directory."""
        load_dotenv(Path.cwd() / ".env")
        return cls.from_environ(os.environ)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read every setting.

        Raises:
            SettingError: a value is unusable, or no way to verify tokens is configured.
        """
        values = {}
        for declared in fields(cls):
            name, how = declared.name.upper(), declared.metadata
            written = environ.get(name, how["default"])
            if not written.strip() and not how["may_be_empty"]:
                written = how["default"]
            try:
                values[declared.name] = how["parse"](written)
            except ValueError as error:
                raise SettingError(f"{name} {error}") from None
        return cls(**values)

    def __post_init__(self) -> None:
        if not self.better_auth_secret and not self.key_set_url:
            raise SettingError(
                "BETTER_AUTH_SECRET must be set (or BETTER_AUTH_URL, to verify tokens with its key set)"
            )
        if self.key_set_url and not (self.issuer and self.audience):
            raise SettingError(
                "BETTER_AUTH_URL must be set (or both JWT_ISSUER and JWT_AUDIENCE) when JWKS_URL is"
            )

    @property
    def key_set_url(self) -> str:
        """Where the auth server publishes its keys; empty when only the shared secret counts."""
        if self.jwks_url or not self.better_auth_url:
            return self.jwks_url
        return self.better_auth_url.removesuffix("/api/auth") + "/api/auth/jwks"

    @property
    def issuer(self) -> str:
        return self.jwt_issuer or (self.better_auth_url and types.origin(self.better_auth_url))

    @property
    def audience(self) -> str:
        return self.jwt_audience or (self.better_auth_url and types.origin(self.better_auth_url))

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        usual = [types.origin(self.better_auth_url)] if self.better_auth_url else []
        return self.cors_origins or tuple(dict.fromkeys([*usual, "http://localhost:3000"]))

    @property
    def workers(self) -> int:
        return self.web_concurrency or min(processors(), 8)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
