"""Another program that writes to the database, and takes its time."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2


@contextmanager
def user_locked(database_url: str, user: str) -> Iterator[None]:
    """Hold what a write of this user's has to wait for."""
    if database_url.startswith("sqlite"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE users SET name = 'locked' WHERE id = %s", (user,))
        yield
