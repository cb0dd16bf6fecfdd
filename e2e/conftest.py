"""Both databases, a Better Auth server, and the service on each that takes all its tokens."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from e2e.better_auth import BetterAuth
from tests.conftest import (
    app,
    create_on_postgresql,
    database_url,
    environment,
    postgres,
    shared_app,
    start_once,
    todo_on_postgresql,
    todo_on_sqlite,
)
from tests.measured import Measured

__all__ = [
    "app",
    "create_on_postgresql",
    "database_url",
    "environment",
    "postgres",
    "shared_app",
    "start_once",
    "todo_on_postgresql",
    "todo_on_sqlite",
]


@pytest.fixture
def better_auth() -> Iterator[BetterAuth]:
    with BetterAuth() as server:
        yield server


@pytest.fixture
def service(
    app: Flask, environment: dict[str, str], tmp_path: Path, better_auth: BetterAuth
) -> Iterator[Measured]:
    """The service with both kinds of token on, its database empty."""
    with Measured({**environment, "BETTER_AUTH_URL": better_auth.url}, tmp_path) as running:
        yield running
