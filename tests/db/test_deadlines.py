"""How long is waited for what, and what comes of it (contract §1)."""

import re
import runpy
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import QueuePool

from tests.locks import user_locked
from tests.people import SECRET, Person, body
from tests.service import ROOT
from tests.unavailable import refused
from todo_service import create_app
from todo_service.auth import fair_share
from todo_service.auth.key_set import FETCH_SECONDS
from todo_service.auth.rate_limit import PAUSE_SECONDS, STORAGE_SECONDS
from todo_service.config import Settings
from todo_service.db import deadlines
from todo_service.extensions import db


def gunicorn_settings() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BETTER_AUTH_SECRET", SECRET)
        patched.setenv("PROMETHEUS_MULTIPROC_DIR", "")
        return runpy.run_path(str(ROOT / "gunicorn.conf.py"))


def test_the_deadlines_are_those_the_documentation_states(app: Flask) -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    stated = dict(re.findall(r"^\| (.*?) \| ([\d.]+ s.*?) \|$", page, re.MULTILINE))
    assert stated == {
        "a connection to the database": f"{deadlines.CONNECT_SECONDS} s",
        "a connection of the pool": f"{deadlines.POOL_SECONDS} s",
        "other requests of the same user": f"{fair_share.WAIT_SECONDS} s",
        "a lock": f"{deadlines.LOCK_SECONDS} s",
        "a statement": f"{deadlines.STATEMENT_SECONDS} s",
        "an answer of a database that is frozen": f"{deadlines.ANSWER_SECONDS} s",
        "our next statement, should we hang": f"{deadlines.IDLE_SECONDS} s",
        "statements of one request, until none is begun any more": f"{deadlines.REQUEST_SECONDS} s",
        "the auth server's keys": f"{FETCH_SECONDS:.0f} s",
        "the rate limits' Redis": f"{STORAGE_SECONDS} s, then it is left alone for {PAUSE_SECONDS} s",
        "running requests, at a stop": f"{gunicorn_settings()['graceful_timeout']} s",
    }
    with app.app_context():
        pool = db.engine.pool
        assert isinstance(pool, QueuePool)
        assert pool.timeout() == deadlines.POOL_SECONDS
        assert pool.size() == 8


@pytest.fixture
def narrow(app: Flask, environment: dict[str, str]) -> Flask:
    """The application on either database, with one connection."""
    return create_app(Settings.from_environ({**environment, "THREADS": "1"}))


@pytest.mark.pooled
def test_an_exhausted_pool_is_503(narrow: Flask) -> None:
    ada = Person(narrow.test_client(), "ada")
    task = ada.adds()
    with narrow.app_context(), db.engine.connect():
        assert refused(ada.get())
    assert body(ada.get()) == [task]


@pytest.mark.pooled
def test_a_lock_that_somebody_holds_is_503(narrow: Flask, environment: dict[str, str]) -> None:
    ada = Person(narrow.test_client(), "ada")
    task = ada.adds()
    with user_locked(environment["DATABASE_URL"], "ada"):
        assert refused(ada.post(json={"title": "x"}))
        assert body(ada.get()) == [task]
    assert ada.post(json={"title": "x"}).status_code == 201
