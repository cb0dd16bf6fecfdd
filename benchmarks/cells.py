"""The calls that are measured: what is sent, and what must be answered so that no error passes for speed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks.data import TASKS_EACH, task_id, user_id
from benchmarks.load import Request
from benchmarks.peers.statements import SHOWN
from benchmarks.servers import Server
from tests.people import token_for

PEOPLE = 200  # of the users, who send in turn
IN_TURN = 10  # of the tasks of each

NEW_TASK = b'{"title": "What was thought of later", "description": "", "priority": "medium"}'


@dataclass(frozen=True)
class Cell:
    """A call.

    Args:
        title: what the tables call it.
        requests: all that are sent; the server is asked for what they need, such as ETags.
        check: asserts that the answer to the first of them is as it should be.
        everywhere: whether the peers have it, too.
    """

    title: str
    requests: Callable[[Server], list[Request]]
    check: Callable[[httpx.Response], None]
    everywhere: bool = True


def people() -> Iterator[str]:
    return (user_id(number) for number in range(1, PEOPLE + 1))


def at(path: str) -> Callable[[Server], list[Request]]:
    return lambda _: [Request("GET", path, user) for user in people()]


def of_tasks(method: str, end: str = "") -> Callable[[Server], list[Request]]:
    """Requests for task after task, each of another user than the one before."""
    return lambda _: [
        Request(method, f"/api/tasks/{task_id(user, number)}{end}", user_id(user))
        for number in range(1, IN_TURN + 1)
        for user in range(1, PEOPLE + 1)
    ]


def creating(_: Server) -> list[Request]:
    return [Request("POST", "/api/tasks", user, NEW_TASK) for user in people()]


def with_etags(server: Server) -> list[Request]:
    """The list again, by those who have it."""
    tags = {user: server.send(Request("GET", "/api/tasks", user)).headers["ETag"] for user in people()}
    return [Request("GET", "/api/tasks", user, headers={"If-None-Match": tags[user]}) for user in people()]


def since_a_change(server: Server) -> list[Request]:
    """What is new to a device that knows all but the last change."""
    requests = []
    for number, user in enumerate(people(), 1):
        token = server.send(Request("GET", "/api/tasks/changes", user)).json()["token"]
        server.send(Request("PATCH", f"/api/tasks/{task_id(number, TASKS_EACH)}/complete", user))
        requests.append(Request("GET", f"/api/tasks/changes?since={token}", user))
    return requests


def is_task(task: dict[str, Any]) -> bool:
    return task.keys() >= set(SHOWN) and task["user_id"] == user_id(1)


def check_list(answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text
    assert len(answer.json()) == TASKS_EACH
    assert all(is_task(task) for task in answer.json())


def check_found(answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text
    dates = [task["due_date"] for task in answer.json()]
    assert len(dates) == TASKS_EACH * 2 // 5
    assert dates == sorted(dates, key=lambda date: (date is None, date))
    assert all(is_task(task) and not task["completed"] for task in answer.json())


def check_task(answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text
    assert is_task(answer.json())
    assert answer.json()["id"] == task_id(1, 1)


def check_toggled(answer: httpx.Response) -> None:
    check_task(answer)
    assert answer.json()["completed"] is False


def check_created(answer: httpx.Response) -> None:
    assert answer.status_code == 201, answer.text
    assert is_task(answer.json())
    assert answer.json()["priority"] == "medium"


def check_unchanged(answer: httpx.Response) -> None:
    assert answer.status_code == 304, answer.text


def check_changes(answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["changes"]) == 1


# Reads come first, so that they find what was written in the beginning.
CELLS = {
    "list": Cell("list 50 tasks", at("/api/tasks"), check_list),
    "find": Cell("list pending, by due date", at("/api/tasks?status=pending&sort=due_date"), check_found),
    "get": Cell("get a task", of_tasks("GET"), check_task),
    "unchanged": Cell("list again, 304", with_etags, check_unchanged, everywhere=False),
    "toggle": Cell("toggle a task", of_tasks("PATCH", "/complete"), check_toggled),
    "changes": Cell("changes since a token", since_a_change, check_changes, everywhere=False),
    "create": Cell("create a task", creating, check_created),
}


def check_refusals(server: Server) -> None:
    """All servers refuse what must be refused; nobody is fast by looking away."""
    ada, bob, task = user_id(1), user_id(2), f"/api/tasks/{task_id(1, 1)}"
    assert server.http.get(task).status_code in (401, 403)
    for token in (f"{token_for(ada)}x", token_for(ada, exp=1)):
        assert server.http.get(task, headers={"Authorization": f"Bearer {token}"}).status_code in (401, 422)
    assert server.send(Request("GET", task, bob)).status_code in (403, 404)
    for body in (b'{"title": ""}', b'{"title": "x", "priority": "x"}', b'{"title": "%s"}' % (b"x" * 201)):
        assert server.send(Request("POST", "/api/tasks", ada, body)).status_code in (400, 422)
