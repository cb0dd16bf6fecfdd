"""What both floors do with a request besides serving it: as little as is possible."""

import os
import threading
from typing import Any

import jwt
import orjson
import psycopg2
from psycopg2.extensions import cursor

SECRET = os.environ["BETTER_AUTH_SECRET"]
PRIORITIES = (None, "low", "medium", "high")

local = threading.local()


def connected() -> cursor:
    """A cursor on this thread's own connection, on which each statement is a transaction."""
    if not hasattr(local, "cursor"):
        connection = psycopg2.connect(os.environ["DATABASE_URL"])
        connection.autocommit = True
        local.cursor = connection.cursor()
    return local.cursor  # type: ignore[no-any-return]  # it holds whatever it is given


def user_of(authorization: str) -> str:
    """The user whose token this is; raises InvalidTokenError for no token, and for one that has expired."""
    token = authorization.removeprefix("Bearer ")
    return str(jwt.decode(token, SECRET, ["HS256"], {"require": ["exp", "sub"]})["sub"])


def valid(fields: dict[str, Any]) -> tuple[int | None, str, str | None]:
    """Priority, title and description of a new task; raises ValueError for one that cannot be."""
    title, description = fields["title"], fields.get("description")
    if not 1 <= len(title) <= 200 or len(description or "") > 1000:
        raise ValueError
    return PRIORITIES.index(fields.get("priority")) or None, title, description


def as_json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z)
