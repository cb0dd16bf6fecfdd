"""Answers that get lost, and such as need not be given again."""

import re

import pytest

from e2e.browser.chromium import OpenDevice
from e2e.browser.todo_page import (
    add,
    fill_due,
    is_saved,
    item,
    lose_first_answer,
    run,
    shows,
    titles,
    use_token,
)
from e2e.browser.website import Website
from tests.people import token_for
from tests.service import Service


def test_a_task_whose_answer_is_lost_is_there_once(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    page = use_token(device("ERR_CONNECTION_RESET", "412"), website.url, ada)
    requests = lose_first_answer(page, re.compile(f"^{service.url}/api/tasks/[-0-9a-f]{{36}}$"))
    add(page, "Pay rent")
    is_saved(page)
    assert [request.method for request in requests] == ["PUT", "PUT"]
    assert len({request.headers["idempotency-key"] for request in requests}) == 1
    assert titles(service, ada) == ["Pay rent"]


def test_a_task_whose_answer_is_lost_and_that_was_deleted_since_does_not_come_back(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    page = use_token(device("410"), website.url, ada)
    created = """
        todo.create({ title: "Pay rent" });
        await todo.sync().catch(() => {});
    """
    run(page, f"{A_DAY_LATER} {created} globalThis.todo = todo;")
    (task,) = service.call(ada, "GET").json()
    service.call(ada, "DELETE", f"/api/tasks/{task['id']}")
    assert run(page, "await todo.sync(); return todo.list();") == []
    assert titles(service, ada) == []


def test_a_change_whose_answer_is_lost_is_no_conflict(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    service.call(ada, "POST", json={"title": "Pay rent", "due_date": "2030-01-02"})
    page = use_token(device("ERR_CONNECTION_RESET", "412"), website.url, ada)
    requests = lose_first_answer(page, re.compile(f"^{service.url}/api/tasks/[-0-9a-f]{{36}}$"))
    item(page, "Pay rent").get_by_role("button", name="Edit").click()
    page.get_by_label("Title").fill(" Pay the rent ")
    fill_due(page, "2030-01-03", "12:30")
    page.get_by_role("button", name="Save").click()
    shows(page, "Pay the rent")
    is_saved(page)
    assert {request.method for request in requests} == {"PATCH"}
    assert len({request.headers["idempotency-key"] for request in requests}) == 1
    assert titles(service, ada) == ["Pay the rent"]


# The first answer to what this sends is lost; it goes on a day later, when that write's key is forgotten.
A_DAY_LATER = """
    const send = connect(serviceUrl, getToken);
    let hasLost = false;
    async function forgetful(method, path, body, { "Idempotency-Key": forgotten, ...headers } = {}) {
        const answer = await send(method, path, body, headers);
        if (hasLost || method === "GET") return answer;
        hasLost = true;
        throw new TypeError("lost");
    }
    const store = new Map();
    const storage = { getItem: (name) => store.get(name) ?? null, setItem: (...item) => store.set(...item) };
    const todo = openTasks(forgetful, "of the test", storage);
"""
# What is sent in one form, and answered in another.
FORMS = [
    {"title": "\x1f bread\u3000"},
    {"title": "bread", "description": " as it is \n"},
    {"due_date": "2026-12-01"},
    {"due_date": "2026-12-01T09:00"},
    {"due_date": "2026-12-01T09:00:00.000Z"},
    {"due_date": "2026-12-01t09:00:59.1234567+14:00"},
    {"due_date": "2026-12-01 09:00:00.5-00:30"},
    {"priority": "low", "completed": True},
    {"tags": [" home", "Stra\u00dfe ", "HOME", "STRASSE"]},
]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_change_is_not_taken_for_somebody_elses_in_whatever_form_it_is_sent(
    service: Service, website: Website, device: OpenDevice, ada: str, form: dict[str, object]
) -> None:
    task = service.call(ada, "POST", json={"title": "milk", "due_date": "2030-01-02T00:00Z"}).json()
    page = use_token(device("412"), website.url, ada)
    sent_twice = """
        await todo.sync();
        todo.update(todo.list()[0], given);
        await todo.sync().catch(() => {});
        todo.update(todo.list()[0], { title: "the next", due_date: "2031-01-01T00:00:00Z" });
        await todo.sync();
        todo.update(todo.list()[0], given);
        todo.remove(todo.list()[0]);
        const shown = todo.list();
        await todo.sync();
        return [shown, todo.list()];
    """
    assert run(page, f"{A_DAY_LATER} {sent_twice}", form) == [[], []]
    assert service.call(ada, "GET", f"/api/tasks/{task['id']}").status_code == 404


def test_a_post_is_sent_again_with_the_same_key(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    page = use_token(device("ERR_CONNECTION_RESET"), website.url, ada)
    requests = lose_first_answer(page, f"{service.url}/api/tasks")
    send = 'return await connect(serviceUrl, getToken)("POST", "/api/tasks", given);'
    assert run(page, send, {"title": "Pay rent"})["title"] == "Pay rent"
    assert titles(service, ada) == ["Pay rent"]
    first, second = (request.headers["idempotency-key"] for request in requests)
    assert first == second


def test_what_has_not_changed_is_not_sent_again_and_nobody_elses(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    bob = f"bob, not {ada}"
    for user in (ada, bob):
        service.call(user, "POST", json={"title": f"of {user}"})  # their lists have the same ETag
    page = device().open(website.url)
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status) if "/api/" in answer.url else None)
    read_twice = """
        const send = connect(serviceUrl, async () => given);
        await send("GET", "/api/tasks");
        return await send("GET", "/api/tasks");
    """
    for user in (ada, bob):
        assert [task["title"] for task in run(page, read_twice, token_for(user))] == [f"of {user}"]
    assert statuses == [200, 304] * 2
