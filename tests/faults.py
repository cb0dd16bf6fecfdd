"""What goes wrong on purpose: in a view of the test's own beside the service's, or at a statement."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import Engine, event

from tests.people import Person

OWN = "/api/own"


def person_with(app: Flask, view: Callable[[], Any], method: str = "GET") -> Person:
    """Ada, for whom this application, which has served nobody yet, has one more view: at OWN."""
    app.add_url_rule(OWN, "own", view, methods=[method])
    return Person(app.test_client(), "ada")


def failing(error: Exception) -> Callable[[], Any]:
    """A view that raises this."""

    def fail() -> Any:
        raise error

    return fail


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def engine_of(app: Flask) -> Engine:
    with app.app_context():
        engine: Engine = app.extensions["sqlalchemy"].engine
        return engine


@contextmanager
def statements_fail(app: Flask, error: Exception, part: str = "") -> Iterator[None]:
    """Each statement of this application in which that occurs raises the error, as the database would."""

    def fail(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if part in statement:
            raise error

    event.listen(engine_of(app), "before_cursor_execute", fail)
    try:
        yield
    finally:
        event.remove(engine_of(app), "before_cursor_execute", fail)
