"""`Idempotency-Key` (contract §6): sent again, answered again, done once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from tests.locks import user_locked
from tests.people import Person, body
from todo_service import create_app
from todo_service.config import Settings
from todo_service.db import deadlines
from todo_service.extensions import db
from todo_service.models import StoredResponse

RENT = {"title": "Pay rent"}
BATCH = {"operations": [{"op": "create", "task": RENT}, {"op": "create", "task": RENT}]}
endpoints = pytest.mark.parametrize(("path", "sent"), [("/api/tasks", RENT), ("/api/tasks/batch", BATCH)])


def send(person: Person, sent: object = RENT, key: str = "k1", path: str = "/api/tasks") -> TestResponse:
    return person.post(path, json=sent, headers={"Idempotency-Key": key})


@endpoints
def test_the_same_request_gets_the_same_answer(ada: Person, path: str, sent: object) -> None:
    first = send(ada, sent, path=path)
    tasks = body(ada.get())
    for _ in range(3):
        again = send(ada, sent, path=path)
        assert (again.status_code, again.data) == (first.status_code, first.data)
        for name in ("ETag", "Location", "Content-Type"):
            assert again.headers.get(name) == first.headers.get(name)
        assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert body(ada.get()) == tasks
    assert ada.adds()["revision"] == len(tasks) + 1


def test_the_answer_stays_the_first_also_when_the_task_has_changed(ada: Person) -> None:
    first = send(ada)
    path = first.headers["Location"]
    ada.put(path, json={"title": "changed"})
    assert send(ada).data == first.data
    ada.delete(path)
    assert send(ada).data == first.data
    assert body(ada.get()) == []


def test_a_batch_that_changed_nothing_changes_nothing_when_sent_again(ada: Person) -> None:
    task = ada.adds()
    reopen = {"operations": [{"op": "complete", "id": task["id"], "completed": False}]}
    first = send(ada, reopen, path="/api/tasks/batch")
    assert body(first) == {"results": [{"status": 200, "task": task}]}
    assert body(ada.get()) == [task]
    completed = body(ada.patch(f"/api/tasks/{task['id']}/complete"))
    assert completed["revision"] == task["revision"] + 1
    again = send(ada, reopen, path="/api/tasks/batch")
    assert (again.data, again.headers.get("Idempotency-Replayed")) == (first.data, "true")
    assert body(ada.get()) == [completed]
    assert send(ada, BATCH, path="/api/tasks/batch").status_code == 422


@endpoints
def test_another_payload_is_refused_byte_for_byte(ada: Person, path: str, sent: object) -> None:
    send(ada, sent, path=path)
    before = body(ada.get())
    for other in (b'{"title":"Pay rent"}', b'{"title": "Pay rent" }', b'{"operations": []}'):
        answer = ada.post(
            path, data=other, content_type="application/json", headers={"Idempotency-Key": "k1"}
        )
        if answer.status_code != 400:  # what is invalid is refused before it is compared
            assert (answer.status_code, body(answer)["code"]) == (422, "idempotency_key_reused")
    assert body(ada.get()) == before


def test_keys_are_of_one_user_and_one_endpoint(ada: Person, bob: Person) -> None:
    answers = [send(ada), send(bob), send(ada, BATCH, path="/api/tasks/batch"), send(ada, key="k2")]
    assert not [answer for answer in answers if "Idempotency-Replayed" in answer.headers]
    assert (len(body(ada.get())), len(body(bob.get()))) == (4, 1)


def test_a_refused_request_leaves_its_key_free(ada: Person) -> None:
    assert send(ada, {"title": ""}).status_code == 400
    assert (
        send(ada, {"operations": [{"op": "delete", "id": "x"}]}, path="/api/tasks/batch").status_code == 404
    )
    assert send(ada).status_code == 201
    assert send(ada, BATCH, path="/api/tasks/batch").status_code == 200


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "x" * 256, "a\tb"])
def test_a_key_that_is_none_is_refused(ada: Person, key: str) -> None:
    answer = send(ada, key=key)
    assert (answer.status_code, list(body(answer)["errors"])) == (400, ["Idempotency-Key"])


@pytest.mark.parametrize("key", ["!", "~" * 255, '"quoted"', "8e03978e-40d5-43dd-bc93-6894a57f9324", "';--"])
def test_any_visible_ascii_is_a_key(ada: Person, key: str) -> None:
    assert send(ada, key=key).status_code == 201
    assert send(ada, key=key).headers["Idempotency-Replayed"] == "true"


def test_a_key_means_nothing_where_it_is_not_promised(ada: Person) -> None:
    path = f"/api/tasks/{ada.adds()['id']}/complete"
    for expected in (True, False):
        answer = ada.patch(path, headers={"Idempotency-Key": "k1"})
        assert body(answer)["completed"] is expected


def age(app: Flask, **ago: int) -> None:
    with app.app_context():
        db.session.execute(update(StoredResponse).values(created_at=datetime.now(UTC) - timedelta(**ago)))
        db.session.commit()


def test_an_answer_is_kept_for_24_hours(app: Flask, ada: Person) -> None:
    first = send(ada)
    age(app, hours=23, minutes=59)
    assert send(ada).data == first.data
    age(app, hours=24)
    assert "Idempotency-Replayed" not in send(ada).headers
    assert send(ada).headers["Idempotency-Replayed"] == "true"
    assert len(body(ada.get())) == 2


def test_the_24_hours_can_be_set(app: Flask, environment: dict[str, str]) -> None:
    brief = create_app(Settings.from_environ({**environment, "IDEMPOTENCY_HOURS": "1"}))
    ada = Person(brief.test_client(), "ada")
    send(ada)
    age(app, minutes=61)
    assert "Idempotency-Replayed" not in send(ada).headers


def test_a_first_request_that_is_still_running_is_409(
    app: Flask, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "LOCK_SECONDS", 1)
    hurried = create_app(Settings.from_environ(environment))
    ada = Person(hurried.test_client(), "ada")
    ada.adds()
    with user_locked(environment["DATABASE_URL"], "ada"):
        answer = send(ada)
        assert (answer.status_code, body(answer)["code"]) == (409, "idempotency_conflict")
        assert int(answer.headers["Retry-After"]) >= 1
    assert send(ada).status_code == 201


def test_prune_removes_old_answers_and_says_how_many(app: Flask, ada: Person) -> None:
    for number in range(3):
        send(ada, key=str(number))
    age(app, hours=25)
    send(ada, key="new")
    printed = app.test_cli_runner().invoke(args=["prune"]).output
    assert printed == "Removed 3 stored responses and 0 deletions.\n"
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(StoredResponse)) == 1
    assert send(ada, key="new").headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("path", "payload", "operation"),
    [
        ("/api/tasks", {"title": "x"}, "tasks.create_task"),
        ("/api/tasks/batch", {"operations": [{"op": "create", "task": {"title": "x"}}]}, "batch.run_batch"),
    ],
)
def test_answers_are_stored_under_names_that_outlive_a_deploy(
    app: Flask, ada: Person, path: str, payload: dict[str, Any], operation: str
) -> None:
    assert ada.post(path, json=payload, headers={"Idempotency-Key": "key"}).status_code < 300
    with app.app_context():
        assert db.session.scalar(select(StoredResponse.endpoint)) == operation
