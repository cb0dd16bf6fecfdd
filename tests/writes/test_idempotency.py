"""`Idempotency-Key` (contract §6): sent again, answered again, done once."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from flask import Flask
from sqlalchemy import func, insert, select, update
from werkzeug.test import TestResponse

from tests.locks import user_locked
from tests.people import Person, body
from todo_service import create_app
from todo_service.config import Settings
from todo_service.extensions import db
from todo_service.models import StoredResponse

CLEARING = "/api/tasks?status="
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
def test_what_is_no_key_is_refused(ada: Person, key: str) -> None:
    answer = send(ada, key=key)
    assert (answer.status_code, list(body(answer)["errors"])) == (400, ["Idempotency-Key"])


@pytest.mark.parametrize("key", ["!", "~" * 255, '"quoted"', "8e03978e-40d5-43dd-bc93-6894a57f9324", "';--"])
def test_any_visible_ascii_is_taken_for_a_key(ada: Person, key: str) -> None:
    assert send(ada, key=key).status_code == 201
    assert send(ada, key=key).headers["Idempotency-Replayed"] == "true"


def call_with_key(person: Person, method: str, path: str, sent: object = None) -> TestResponse:
    body = {} if sent is None else {"json": sent}
    return person.call(method, path, headers={"Idempotency-Key": "k1"}, **body)


# Every other write: method, path, body, status, and the name under which its answer is stored.
WRITES: list[tuple[str, str, object, int, str]] = [
    ("PUT", "/api/tasks/{id}", {"title": "changed"}, 200, "tasks.update_task:{id}"),
    ("PATCH", "/api/tasks/{id}", {"title": "changed"}, 200, "tasks.patch_task:{id}"),
    ("PATCH", "/api/tasks/{id}/complete", None, 200, "tasks.complete_task:{id}"),
    ("PATCH", "/api/tasks/{id}/complete", {"completed": False}, 200, "tasks.complete_task:{id}"),
    ("DELETE", "/api/tasks/{id}", None, 204, "tasks.delete_task:{id}"),
    ("DELETE", "/api/tasks?status=completed", None, 200, "tasks.clear_completed"),
    ("POST", "/api/tasks", RENT, 201, "tasks.create_task"),
    ("POST", "/api/tasks/batch", BATCH, 200, "batch.run_batch"),
]
every_write = pytest.mark.parametrize(("method", "path", "sent", "status", "name"), WRITES)


@every_write
def test_every_write_is_done_once_and_stored_under_a_name_that_outlives_a_deploy(
    app: Flask, ada: Person, method: str, path: str, sent: object, status: int, name: str
) -> None:
    task = ada.adds(completed=True)
    path, name = path.format(id=task["id"]), name.format(id=task["id"])
    first = call_with_key(ada, method, path, sent)
    assert (first.status_code, "Idempotency-Replayed" in first.headers) == (status, False)
    new = ada.adds("since", completed=True)
    tasks = body(ada.get())
    again = call_with_key(ada, method, path, sent)
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    for header in ("ETag", "Location", "Content-Type", "Content-Length", "Cache-Control"):
        assert again.headers.get(header) == first.headers.get(header)
    assert body(ada.get()) == tasks
    assert ada.adds()["revision"] == new["revision"] + 1
    with app.app_context():
        assert db.session.scalars(select(StoredResponse.endpoint)).all() == [name]


def test_a_key_counts_for_one_method_and_one_task(ada: Person, bob: Person) -> None:
    tasks = [ada.adds(str(number)) for number in range(2)]
    paths = [f"/api/tasks/{task['id']}" for task in tasks]
    answers = [
        *(call_with_key(ada, "PATCH", f"{path}/complete") for path in paths),
        *(call_with_key(ada, method, path, {"title": "x"}) for method in ("PUT", "PATCH") for path in paths),
        *(call_with_key(ada, "DELETE", path) for path in paths),
    ]
    assert [answer.status_code for answer in answers] == [200] * 6 + [204] * 2
    assert not [answer for answer in answers if "Idempotency-Replayed" in answer.headers]
    assert call_with_key(bob, "DELETE", paths[0]).status_code == 404


def test_a_path_is_the_same_with_a_slash_at_its_end_and_in_any_case_of_its_id(ada: Person) -> None:
    task_id = ada.adds()["id"]
    first = call_with_key(ada, "PATCH", f"/api/tasks/{task_id}/complete")
    for path in (f"{task_id}/complete/", f"{task_id.upper()}/complete"):
        again = call_with_key(ada, "PATCH", f"/api/tasks/{path}")
        assert (again.data, again.headers.get("Idempotency-Replayed")) == (first.data, "true")


def test_a_retry_whose_precondition_held_the_first_time_gets_that_answer(ada: Person) -> None:
    """What is compared is the payload: the revision that If-Match names is no longer that of the task."""
    path, condition = f"/api/tasks/{ada.adds()['id']}", {"Idempotency-Key": "k1", "If-Match": '"1"'}
    edits = [ada.patch(path, json={"title": "x"}, headers=condition) for _ in range(2)]
    assert [edit.headers["ETag"] for edit in edits] == ['"2"', '"2"']
    deletions = [ada.delete(path, headers={**condition, "If-Match": '"2"'}) for _ in range(2)]
    assert [deletion.status_code for deletion in deletions] == [204, 204]


def test_a_task_under_an_own_id_is_created_once(ada: Person) -> None:
    path = "/api/tasks/019AA0C4-6a1e-7c3b-9d2f-3f1f2b6c8a11"
    new = {"json": RENT, "headers": {"Idempotency-Key": "k1", "If-None-Match": "*"}}
    first = ada.put(path, **new)
    ada.delete(path)
    again = ada.put(path, **new)
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Location"] == first.headers["Location"] == path.lower()
    assert body(ada.get()) == []


@pytest.mark.parametrize("prefix", ["/api", f"/{'p' * 200}"])
def test_an_address_is_repeated_below_any_prefix(ada: Person, prefix: str) -> None:
    key = {"Idempotency-Key": "k1"}
    first, again = (ada.post(json=RENT, headers=key, base_url=f"http://t{prefix}") for _ in range(2))
    assert (first.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.headers["Location"] == first.headers["Location"] == f"{prefix}/api/tasks/{body(first)['id']}"


def test_another_payload_of_any_write_is_refused(ada: Person) -> None:
    path, done = f"/api/tasks/{ada.adds()['id']}", {"completed": True}
    first_and_other: list[tuple[tuple[str, str, object], tuple[str, str, object]]] = [
        (("PUT", path, done), ("PUT", path, {"completed": False})),
        (("PATCH", path, {"priority": "low"}), ("PATCH", path, {})),
        (("PATCH", f"{path}/complete", None), ("PATCH", f"{path}/complete", done)),
        (("DELETE", f"{CLEARING}completed", None), ("DELETE", f"{CLEARING}complete%64", None)),
    ]
    for first, other in first_and_other:
        assert call_with_key(ada, *first).status_code == 200
        refused = call_with_key(ada, *other)
        assert (refused.status_code, body(refused)["code"]) == (422, "idempotency_key_reused")


def test_a_refused_change_leaves_its_key_free(ada: Person) -> None:
    path = f"/api/tasks/{ada.adds()['id']}"
    stale = {"Idempotency-Key": "k1", "If-Match": '"7"'}
    assert ada.delete(path, headers=stale).status_code == 412
    assert call_with_key(ada, "DELETE", path).status_code == 204
    for missing in (path, "/api/tasks/my-id", "/api/tasks/%00", f"/api/tasks/{'x' * 500}", "/api/tasks/ä:1"):
        answer = ada.delete(missing, headers={"Idempotency-Key": "k2"})
        assert (answer.status_code, body(answer)["detail"]) == (404, "Task not found")


def test_a_clearing_that_found_nothing_finds_nothing_when_sent_again(ada: Person) -> None:
    path = "/api/tasks?status=completed"
    assert body(call_with_key(ada, "DELETE", path)) == {"deleted": 0}
    assert ada.adds(completed=True)["revision"] == 1
    assert body(call_with_key(ada, "DELETE", path)) == {"deleted": 0}
    assert len(body(ada.get())) == 1


def test_answers_that_the_version_before_has_stored_are_given(app: Flask, ada: Person) -> None:
    """It knew keys of two operations only, and compared the bodies."""
    ada.adds()
    for path, operation in (("/api/tasks", "tasks.create_task"), ("/api/tasks/batch", "batch.run_batch")):
        payload = json.dumps(RENT if path == "/api/tasks" else BATCH).encode()
        row: dict[str, object] = {
            "endpoint": operation,
            "fingerprint": sha256(payload).digest(),
            "body": b'{"stored": 1}',
        }
        row |= {"user_id": "ada", "key": "k1", "status": 201, "created_at": datetime.now(UTC)}
        with app.app_context():
            db.session.execute(insert(StoredResponse).values(row))
            db.session.commit()
        again = ada.post(
            path, data=payload, content_type="application/json", headers={"Idempotency-Key": "k1"}
        )
        assert (again.data, again.headers["Idempotency-Replayed"]) == (b'{"stored": 1}', "true")


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


@pytest.mark.pooled
def test_a_first_request_that_is_still_running_is_409(ada: Person, environment: dict[str, str]) -> None:
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
