"""Every call of the API, once, as somebody called ada makes it."""

from collections.abc import Iterator
from typing import Any

from tests.service import Service


def calls(service: Service) -> Iterator[tuple[str, str, dict[str, Any], int]]:
    """Method, path, what is sent and the status expected; each is made before the next is asked for."""
    task = service.call("ada", "POST", json={"title": "x"}).json()
    one, other = f"/api/tasks/{task['id']}", "/api/tasks/0198a0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"
    create = [{"op": "create", "task": {"title": "y"}}]
    yield "GET", "/", {}, 200
    yield "GET", "/health", {}, 200
    yield "GET", "/health/ready", {}, 200
    yield "GET", "/openapi.json", {}, 200
    yield "GET", "/docs", {}, 200
    yield "GET", "/docs/swagger-ui.css", {}, 200
    yield "POST", "/api/tasks", {"json": {"title": "z"}, "headers": {"Idempotency-Key": "1"}}, 201
    yield "GET", "/api/tasks", {"params": {"q": "x", "count": "true"}}, 200
    yield "GET", one, {}, 200
    yield "GET", one, {"headers": {"If-None-Match": f'"{task["revision"]}"'}}, 304
    yield "PUT", other, {"json": {"title": "w"}, "headers": {"If-None-Match": "*"}}, 201
    yield "PUT", one, {"json": {"title": "v"}}, 200
    yield "PATCH", one, {"json": {"priority": "high"}}, 200
    yield "PATCH", f"{one}/complete", {}, 200
    yield "POST", f"{one}/move", {"json": {"to": "top"}}, 200
    yield "GET", "/api/tasks/tags", {}, 200
    yield "POST", "/api/tasks/batch", {"json": {"operations": create}}, 200
    yield "GET", "/api/tasks/changes", {}, 200
    yield "DELETE", "/api/tasks", {"params": {"status": "completed"}}, 200
    yield "DELETE", other, {}, 204
    yield "GET", "/api/account", {}, 200
    yield "GET", "/api/account/export", {"params": {"format": "csv"}}, 200
    yield "DELETE", "/api/account", {"json": {"confirm": "erase"}}, 204
