"""Each person sees and changes their own tasks only; refusals in their order (contract §1 and §2)."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.endpoints import ENDPOINTS, NOBODYS
from tests.people import Person, body, token_for

WITH_ID = [endpoint for endpoint in ENDPOINTS if "{id}" in endpoint[1]]

endpoints = pytest.mark.parametrize(("method", "path", "sent"), ENDPOINTS)
with_id = pytest.mark.parametrize(("method", "path", "sent"), WITH_ID)


def refusal(answer: TestResponse) -> tuple[int, str, str]:
    return answer.status_code, body(answer)["code"], body(answer)["detail"]


def test_every_endpoint_of_the_api_is_tried_here(app: Flask) -> None:
    tried = {(method, path) for method, path, _ in ENDPOINTS}
    registered = {
        (method, rule.rule.replace("<task:id>", "{id}"))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert tried == registered


@endpoints
def test_no_token_is_refused_before_anything_else(
    client: FlaskClient, method: str, path: str, sent: object
) -> None:
    expected = (401, "missing_token", "Missing authentication token")
    for name in (NOBODYS, "no-id"):
        assert refusal(client.open(path.format(id=name), method=method, json=sent)) == expected
        spoilt = client.open(
            path.format(id=name) + "?x=1", method=method, data=b"{" * 300_000, content_type="text/plain"
        )
        assert refusal(spoilt) == expected


@endpoints
def test_a_bad_token_is_refused(client: FlaskClient, method: str, path: str, sent: object) -> None:
    headers = {"Authorization": f"Bearer {token_for('ada')}x"}
    answer = client.open(path.format(id=NOBODYS), method=method, json=sent, headers=headers)
    assert refusal(answer) == (401, "invalid_token", "Invalid token")


@endpoints
def test_an_expired_token_is_refused(client: FlaskClient, method: str, path: str, sent: object) -> None:
    headers = {"Authorization": f"Bearer {token_for('ada', exp=int(time.time()) - 1)}"}
    answer = client.open(path.format(id=NOBODYS), method=method, json=sent, headers=headers)
    assert refusal(answer) == (401, "token_expired", "Token has expired")


@with_id
def test_somebody_elses_task_is_refused_and_untouched(
    ada: Person, bob: Person, method: str, path: str, sent: object
) -> None:
    task = ada.adds("Ada's secret", description="nobody else may read this")
    answer = bob.call(method, path.format(id=task["id"]), json=sent)
    assert refusal(answer) == (403, "forbidden", "Not authorized to access this task")
    assert "secret" not in answer.text
    assert body(ada.get()) == [task]
    assert body(bob.get()) == []


@with_id
def test_a_missing_task_is_not_found(ada: Person, method: str, path: str, sent: object) -> None:
    answer = ada.call(method, path.format(id=NOBODYS), json=sent)
    assert refusal(answer) == (404, "not_found", "Task not found")


@with_id
@pytest.mark.parametrize(
    "id",
    [
        "1",
        "no-id",
        "null",
        "undefined",
        "019aa0c46a1e7c3b9d2f3f1f2b6c8a11",
        "{019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11}",
        "urn:uuid:019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11",
        "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a1",
        "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11%0A",
        "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a1g",
        "%00",
        "%FF",
        "%20",
        "' OR '1'='1",
        "\u066019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11",
        "x" * 5000,
    ],
)
def test_a_malformed_id_is_a_missing_task(ada: Person, method: str, path: str, sent: object, id: str) -> None:
    answer = ada.call(method, path.format(id=id), json=sent)
    assert refusal(answer) == (404, "not_found", "Task not found")


def test_an_id_is_found_in_either_case(ada: Person) -> None:
    task = ada.adds()
    assert body(ada.get(f"/api/tasks/{task['id'].upper()}")) == task


def test_nothing_a_client_sends_names_another_user(ada: Person, bob: Person) -> None:
    task = ada.adds("Ada's")
    headers = {"X-User-Id": "ada", "X-Forwarded-User": "ada", "Cookie": "user_id=ada"}
    forged = bob.post(json={"title": "Bob's", "user_id": "ada"}, headers=headers)
    assert body(forged)["user_id"] == "bob"
    assert bob.get("/api/tasks?user_id=ada").status_code == 400
    assert body(bob.get(headers=headers)) == [body(forged)]
    moved = bob.put(f"/api/tasks/{body(forged)['id']}", json={"user_id": "ada", "id": task["id"]})
    assert (body(moved)["user_id"], body(moved)["id"]) == ("bob", body(forged)["id"])
    assert body(ada.get()) == [task]


def test_a_user_never_seen_before_reads_an_empty_list(client: FlaskClient) -> None:
    assert body(Person(client, "nobody-yet").get()) == []


def test_users_differ_by_every_character(client: FlaskClient) -> None:
    names = ["ada", "Ada", "ada ", " ada", "äda", "a\u0308da", "ada\u200b"]
    for name in names:
        Person(client, name).adds(f"of {name!r}")
    for name in names:
        assert Person(client, name).titles() == [f"of {name!r}"]


def test_a_new_users_first_writes_may_race(app: Flask) -> None:
    with ThreadPoolExecutor(8) as threads:
        people = [Person(app.test_client(), "ada") for _ in range(8)]
        tasks = list(threads.map(lambda person: person.adds("first"), people))
    assert sorted(task["revision"] for task in tasks) == list(range(1, 9))
    assert len(body(people[0].get())) == 8


def test_a_hundred_requests_at_once_are_all_served(app: Flask) -> None:
    def write_and_read(number: int) -> None:
        person = Person(app.test_client(), f"user-{number % 10}")
        task = person.adds(str(number))
        assert body(person.patch(f"/api/tasks/{task['id']}/complete"))["completed"] is True
        assert task["id"] in {listed["id"] for listed in body(person.get())}

    with ThreadPoolExecutor(25) as threads:
        list(threads.map(write_and_read, range(100)))
    for number in range(10):
        tasks = body(Person(app.test_client(), f"user-{number}").get())
        assert len(tasks) == 10
        assert sorted(task["revision"] for task in tasks)[-1] == 20
