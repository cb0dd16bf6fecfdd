"""What the service answers, compared with what the model comes to."""

from collections.abc import Callable, Iterator
from typing import Any

from werkzeug.test import TestResponse

from tests.people import Person, body
from tests.tasks.model import (
    Refused,
    Task,
)


def tasks_in(answer: TestResponse) -> list[Task]:
    """The tasks in the answer to a write, in their order."""
    results = body(answer).get("results", [{"task": body(answer)}]) if answer.status_code < 300 else []
    return [result["task"] for result in results if "task" in result]


def moment_of(answer: TestResponse) -> str:
    """When the write happened, if it changed a task: what tells is its last change."""
    changed = max(tasks_in(answer), key=lambda task: int(task["revision"]), default=None)
    return str(changed["updated_at"]) if changed else ""


def ids_made_by(answer: TestResponse) -> list[str]:
    results = body(answer).get("results", [{"status": answer.status_code, "task": body(answer)}])
    return [result["task"]["id"] for result in results if result["status"] == 201]


def agree(answer: TestResponse, status: int, doing: Callable[[], Any]) -> None:
    """Let the model do what was asked of the service: both must come to the same."""
    expected, refusal = attempt(doing)
    if refusal:
        assert answer.status_code == refusal.status, answer.text
        assert body(answer).get("current") == refusal.current
        return
    assert answer.status_code == status, answer.text
    assert answer.json == expected if expected is not None else answer.data == b""
    if expected and "revision" in expected:
        assert_tagged(answer, expected["revision"])


def attempt(doing: Callable[[], Any]) -> tuple[Any, Refused | None]:
    """What the model comes to: a result or a refusal."""
    try:
        return doing(), None
    except Refused as refused:
        return None, refused


def assert_tagged(answer: TestResponse, revision: int) -> None:
    assert answer.headers.get("ETag") == f'"{revision}"'


def all_pages(person: Person, answer: TestResponse) -> Iterator[Task]:
    """The tasks of this page of a list and of those that its links lead to."""
    assert answer.status_code == 200, answer.text
    yield from body(answer)
    while link := answer.headers.get("Link"):
        answer = person.get(link.removeprefix("<").partition(">")[0])
        assert answer.status_code == 200, answer.text
        assert body(answer), "a link to a page without tasks"
        yield from body(answer)
