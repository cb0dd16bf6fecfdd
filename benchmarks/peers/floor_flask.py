"""Flask and SQL by hand: what is left when a Flask service has no features."""

from typing import Any

import orjson
from flask import Flask, Response, abort, request
from jwt import InvalidTokenError
from uuid_utils import uuid7

from benchmarks.peers import statements
from benchmarks.peers.floor import as_json, connected, user_of, valid

app = Flask(__name__)


@app.errorhandler(InvalidTokenError)
def refused(_: InvalidTokenError) -> tuple[str, int]:
    return "", 401


@app.errorhandler(ValueError)
@app.errorhandler(KeyError)
def invalid(_: Exception) -> tuple[str, int]:
    return "", 400


def rows(statement: str, *values: Any) -> list[dict[str, Any]]:
    """What a statement of the current user's yields."""
    cursor = connected()
    cursor.execute(statement, (user_of(request.headers.get("Authorization", "")), *values))
    return [dict(zip(statements.SHOWN, row, strict=True)) for row in cursor.fetchall()]


def answer(value: Any, status: int = 200) -> Response:
    return Response(as_json(value), status, mimetype="application/json")


def one(found: list[dict[str, Any]], status: int = 200) -> Response:
    return answer(found[0], status) if found else abort(404)


@app.get("/health")
def health() -> Response:
    return answer({"status": "ok"})


@app.get("/api/tasks")
def list_tasks() -> Response:
    return answer(rows(statements.FIND if request.args.get("status") else statements.LIST))


@app.post("/api/tasks")
def create_task() -> Response:
    return one(rows(statements.CREATE, str(uuid7()), *valid(orjson.loads(request.get_data()))), 201)


@app.get("/api/tasks/<uuid:id>")
def read_task(id: Any) -> Response:
    return one(rows(statements.GET, str(id)))


@app.patch("/api/tasks/<uuid:id>/complete")
def toggle_task(id: Any) -> Response:
    return one(rows(statements.TOGGLE, str(id)))
