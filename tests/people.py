"""The people of the tests: each calls the service with a token of their own."""

import time
from hashlib import sha256
from typing import Any

import jwt
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from todo_service.tasks.schemas import MEMBERS

SECRET = "a secret that only the tests know, 32+ bytes"


def claims_for(user: str, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {"sub": user, "iat": now, "exp": now + 900, **changes}
    return {name: value for name, value in claims.items() if value is not None}


def token_for(user: str, **changes: Any) -> str:
    """A token as the auth server signs it with the shared secret; a change to None leaves a claim out."""
    return jwt.encode(claims_for(user, **changes), SECRET)


def list_tag(user: str, revision: int) -> str:
    """The ETag of a user's list."""
    form = "\n".join((user, *MEMBERS))
    return f'"{revision}.{sha256(form.encode()).hexdigest()[:16]}"'


def body(answer: TestResponse) -> Any:
    """The answer's JSON, which a test may look into without asking whether there is any."""
    return answer.json


class Person:
    """Somebody signed in: `ada.get("/api/tasks")`."""

    def __init__(self, client: FlaskClient, user: str, /, **claims: Any) -> None:
        self.client = client
        self.authorization = f"Bearer {token_for(user, **claims)}"

    def call(self, method: str, path: str, **kwargs: Any) -> TestResponse:
        headers = {"Authorization": self.authorization, **kwargs.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, **kwargs)

    def get(self, path: str = "/api/tasks", **kwargs: Any) -> TestResponse:
        return self.call("GET", path, **kwargs)

    def post(self, path: str = "/api/tasks", **kwargs: Any) -> TestResponse:
        return self.call("POST", path, **kwargs)

    def put(self, path: str, **kwargs: Any) -> TestResponse:
        return self.call("PUT", path, **kwargs)

    def patch(self, path: str, **kwargs: Any) -> TestResponse:
        return self.call("PATCH", path, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> TestResponse:
        return self.call("DELETE", path, **kwargs)

    def adds(self, title: str = "Pay rent", **members: Any) -> dict[str, Any]:
        """Create a task; return it as answered."""
        answer = self.post(json={"title": title, **members})
        assert answer.status_code == 201, answer.text
        return dict(body(answer))

    def titles(self, query: str = "") -> list[str]:
        """The titles of the list, in its order."""
        answer = self.get(f"/api/tasks{query}")
        assert answer.status_code == 200, answer.text
        return [task["title"] for task in body(answer)]
