"""Being there when something happens between the service and its database: SQLAlchemy's events."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import Engine, event

from todo_service.extensions import db


def app_engine(app: Flask) -> Engine:
    """What an application reaches its database by."""
    with app.app_context():
        return db.engine


@contextmanager
def listening(engine: Engine, name: str, listener: Callable[..., object]) -> Iterator[list[Any]]:
    """Call the listener at each such event; gives what it was called with."""
    heard: list[Any] = []

    def listen(*arguments: Any) -> None:
        heard.append(arguments)
        listener(*arguments)

    event.listen(engine, name, listen)
    try:
        yield heard
    finally:
        event.remove(engine, name, listen)


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """The statements that are sent to the database meanwhile, without what begins and ends a transaction."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement not in ("COMMIT", "ROLLBACK"):
            sent.append(statement)

    with listening(app_engine(app), "before_cursor_execute", note):
        yield sent
