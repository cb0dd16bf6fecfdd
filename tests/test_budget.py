"""What a call costs, counted where no load can blur it: in calls of Python functions and in SQL statements.

A budget is what its call needed when it was written down. Who makes a call dearer learns it here, and says in
the commit what the new figure buys; who makes it cheaper writes down less.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import MakeApp
from tests.database_events import statements
from tests.people import Person

# By call: function calls on SQLite, and on PostgreSQL; statements on either.
BUDGETS = {
    "list 50 tasks": (882, 949, 1),
    "get a task": (824, 841, 1),
    "create a task": (1111, 1177, 2),
    "toggle a task": (1086, 1159, 3),
}
MORE, LESS = 1.03, 0.9  # how far from its budget a call may be
WARM_UP, TURNS = 3, 4  # the least of the turns counts: in some of them an idle connection is looked at, say

INLINED = {"<listcomp>", "<dictcomp>", "<setcomp>"}  # since Python 3.12; before that they were functions

CALLS: dict[str, Callable[[Person, str], TestResponse]] = {
    "list 50 tasks": lambda ada, _: ada.get("/api/tasks?limit=50"),
    "get a task": lambda ada, task: ada.get(task),
    "create a task": lambda ada, _: ada.post(json={"title": "Water the plants", "priority": "medium"}),
    "toggle a task": lambda ada, task: ada.patch(f"{task}/complete"),
}


class Profiled:
    """The application, of whose last request the function calls are counted, by package.

    Those of the standard library are not: there each version of Python has others.
    """

    def __init__(self, app: Callable[[WSGIEnvironment, StartResponse], Any]) -> None:
        self.app, self.calls = app, Counter[str]()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.calls.clear()
        sys.setprofile(self.count)
        try:
            answer = self.app(environ, start_response)
            body = list(answer)
            answer.close()
        finally:
            sys.setprofile(None)
        return body

    def count(self, frame: FrameType, event: str, _argument: Any) -> None:
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        is_inlined = frame.f_code.co_name in INLINED
        if event == "call" and not is_inlined and package not in sys.stdlib_module_names:
            self.calls[package] += 1


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def deployed(make_app: MakeApp) -> Flask:
    """The application with all that is on where it is deployed."""
    return make_app(RATE_LIMIT="1000000/minute", METRICS_PORT="9090", LOG_FORMAT="json")


def ada_with_tasks(app: Flask) -> tuple[Person, str]:
    """Ada, who has 50 tasks, and the path of one of them."""
    ada = Person(app.test_client(), "ada")
    ids = [ada.adds(f"Task {number}", priority="high")["id"] for number in range(50)]
    return ada, f"/api/tasks/{ids[0]}"


def test_a_call_takes_as_many_function_calls_as_it_is_allowed(deployed: Flask, call: str) -> None:
    profiled = Profiled(deployed.wsgi_app)
    deployed.wsgi_app = profiled  # type: ignore[method-assign]  # as Flask's manual adds a middleware
    ada, task = ada_with_tasks(deployed)
    turns = []
    for _ in range(WARM_UP + TURNS):
        assert CALLS[call](ada, task).status_code < 300
        turns.append(profiled.calls.copy())
    least = min(turns[WARM_UP:], key=Counter.total)
    is_sqlite = deployed.config["SQLALCHEMY_DATABASE_URI"].get_backend_name() == "sqlite"
    budget = BUDGETS[call][0 if is_sqlite else 1]
    assert LESS * budget <= least.total() <= MORE * budget, f"{least.total()} of {budget}: {least}"


def test_a_call_takes_as_many_statements_as_it_is_allowed(deployed: Flask, call: str) -> None:
    ada, task = ada_with_tasks(deployed)
    with statements(deployed) as sent:
        assert CALLS[call](ada, task).status_code < 300
    assert len(sent) == BUDGETS[call][2], sent
