"""No framework at all: a WSGI callable and prepared statements; gunicorn can hardly do with less."""

from collections.abc import Callable
from typing import Any

import orjson
from jwt import InvalidTokenError
from psycopg2.extensions import cursor
from uuid_utils import uuid7

from benchmarks.peers import statements
from benchmarks.peers.floor import as_json, connected, local, user_of, valid

Headers = list[tuple[str, str]]

PREPARED = ("LIST", "FIND", "GET", "CREATE", "TOGGLE")


def prepared() -> cursor:
    """A cursor on a connection that has the statements prepared."""
    cursor = connected()
    if not hasattr(local, "prepared"):
        for name in PREPARED:
            statement = getattr(statements, name)
            numbers = [f"${number}" for number in range(1, statement.count("%s") + 1)]
            cursor.execute(f"PREPARE call_{name} AS {statement.replace('%s', '{}').format(*numbers)}")
        local.prepared = True
    return cursor


def rows(name: str, *values: Any) -> list[dict[str, Any]]:
    cursor = prepared()
    cursor.execute(f"EXECUTE call_{name} ({', '.join(['%s'] * len(values))})", values)
    return [dict(zip(statements.SHOWN, row, strict=True)) for row in cursor.fetchall()]


def answer(environ: dict[str, Any]) -> tuple[str, Any]:
    """The status and what is shown."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    if path == "/health":
        return "200 OK", {"status": "ok"}
    user = user_of(environ.get("HTTP_AUTHORIZATION", ""))
    if method == "POST":
        sent = orjson.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        return "201 Created", rows("CREATE", user, str(uuid7()), *valid(sent))[0]
    task, _, _ = path.removeprefix("/api/tasks").strip("/").partition("/")
    if not task:
        return "200 OK", rows("FIND" if "status" in environ["QUERY_STRING"] else "LIST", user)
    found = rows("TOGGLE" if method == "PATCH" else "GET", user, task)
    return ("200 OK", found[0]) if found else ("404 Not Found", None)


def app(environ: dict[str, Any], start_response: Callable[[str, Headers], object]) -> list[bytes]:
    try:
        status, shown = answer(environ)
    except InvalidTokenError:
        status, shown = "401 Unauthorized", None
    except (ValueError, KeyError):
        status, shown = "400 Bad Request", None
    body = as_json(shown)
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
