"""Applications on databases that tests make and change."""

import sqlite3
from contextlib import closing

import psycopg2
from flask import Flask

from tests.people import SECRET, Person
from tests.unavailable import refused
from todo_service import create_app
from todo_service.config import Settings


def make(url: str, **changes: str) -> Flask:
    settings = {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": url, "RATE_LIMIT": "", **changes}
    return create_app(Settings.from_environ(settings))


def ada_at(url: str, **changes: str) -> Person:
    return Person(make(url, **changes).test_client(), "ada")


def is_ready(person: Person) -> bool:
    answer = person.get("/health/ready")
    return answer.status_code == 200 or not refused(answer)


def run(url: str, *commands: str, options: str = "") -> None:
    """Have PostgreSQL, or SQLite, do something."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            for command in commands:
                connection.execute(command)
        return
    with closing(psycopg2.connect(url, options=options)) as connection:
        connection.autocommit = True
        for command in commands:
            connection.cursor().execute(command)
