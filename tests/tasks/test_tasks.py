"""The six core endpoints, as existing frontends call them (contract §3 and §4)."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.people import Person, body
from todo_service.extensions import db
from todo_service.models import User

NOBODYS = "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"


def test_a_created_task_is_answered_whole(ada: Person) -> None:
    answer = ada.post(json={"title": "Pay rent", "description": "", "priority": "medium"})
    task = body(answer)
    assert answer.status_code == 201
    assert task == {
        "id": task["id"],
        "user_id": "ada",
        "title": "Pay rent",
        "description": "",
        "completed": False,
        "completed_at": None,
        "priority": "medium",
        "due_date": None,
        "tags": [],
        "position": task["position"],
        "created_at": task["created_at"],
        "updated_at": task["created_at"],
        "revision": 1,
    }
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", task["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", task["created_at"])
    assert answer.headers["Location"] == f"/api/tasks/{task['id']}"
    assert answer.headers["ETag"] == '"1"'


def test_its_location_leads_to_the_task(ada: Person) -> None:
    created = ada.post(json={"title": "Pay rent"})
    read = ada.get(created.headers["Location"])
    assert read.json == created.json
    assert read.headers["ETag"] == created.headers["ETag"]


def test_the_list_is_a_bare_array_with_the_newest_first(ada: Person) -> None:
    assert ada.get().json == []
    first, second = ada.adds("first"), ada.adds("second")
    assert ada.get().json == [second, first]


def test_put_replaces_what_is_sent_and_leaves_the_rest(ada: Person) -> None:
    task = ada.adds(due_date="2026-12-01T09:00:00Z", priority="high", description="To the landlord")
    ada.patch(f"/api/tasks/{task['id']}/complete")
    answer = ada.put(f"/api/tasks/{task['id']}", json={"title": "Pay", "description": "", "priority": "low"})
    changed = body(answer)
    assert answer.status_code == 200
    assert (changed["title"], changed["description"], changed["priority"]) == ("Pay", "", "low")
    assert changed["completed"] is True
    assert changed["due_date"] == "2026-12-01T09:00:00Z"
    assert ada.get(f"/api/tasks/{task['id']}").json == changed


def test_put_clears_what_is_sent_as_null(ada: Person) -> None:
    task = ada.adds(description="x", priority="low", due_date="2026-12-01T09:00:00Z")
    nulls = {"description": None, "priority": None, "due_date": None}
    changed = body(ada.put(f"/api/tasks/{task['id']}", json=nulls))
    assert {name: changed[name] for name in nulls} == nulls


def test_a_task_that_was_read_can_be_put_back_whole(ada: Person) -> None:
    task = ada.adds(priority="low", due_date="2026-12-01T09:00:00Z")
    again = body(ada.put(f"/api/tasks/{task['id']}", json={**task, "title": "Pay the rent"}))
    assert again == {**task, "title": "Pay the rent", "revision": 2, "updated_at": again["updated_at"]}


def test_members_the_server_owns_are_ignored_on_create(ada: Person) -> None:
    forged: dict[str, Any] = {"id": NOBODYS, "user_id": "bob", "created_at": "1999-01-01", "updated_at": 5}
    task = ada.adds(**forged, completed_at="yesterday", revision=99)
    assert task["id"] != NOBODYS
    assert (task["user_id"], task["revision"], task["completed_at"]) == ("ada", 1, None)


def test_a_deleted_task_is_gone_for_good(ada: Person) -> None:
    path = f"/api/tasks/{ada.adds()['id']}"
    gone = ada.delete(path)
    assert (gone.status_code, gone.data) == (204, b"")
    assert "Content-Type" not in gone.headers
    assert ada.get(path).status_code == 404
    assert ada.delete(path).status_code == 404
    assert ada.get().json == []


def test_complete_without_a_body_toggles(ada: Person) -> None:
    path = f"/api/tasks/{ada.adds()['id']}/complete"
    done = body(ada.patch(path))
    assert done["completed"] is True
    assert done["completed_at"] == done["updated_at"]
    reopened = ada.patch(path)
    assert reopened.status_code == 200
    assert body(reopened)["completed"] is False
    assert body(reopened)["completed_at"] is None
    assert reopened.headers["ETag"] == '"3"'


def test_complete_with_a_body_sets_so_that_a_retry_does_not_flip(ada: Person) -> None:
    path = f"/api/tasks/{ada.adds()['id']}/complete"
    once, twice = (ada.patch(path, json={"completed": True}) for _ in range(2))
    assert once.json == twice.json
    back = body(ada.patch(path, json={"completed": False}))
    assert back["completed"] is False


def test_complete_with_an_empty_object_names_what_is_missing(ada: Person) -> None:
    task = ada.adds()
    owned = {name: task[name] for name in ("id", "user_id", "created_at", "updated_at", "revision")}
    for sent in ({}, owned):
        answer = ada.patch(f"/api/tasks/{task['id']}/complete", json=sent)
        assert answer.status_code == 400
        assert list(body(answer)["errors"]) == ["completed"]
    assert body(ada.patch(f"/api/tasks/{task['id']}/complete", json={**owned, "completed": True}))[
        "completed"
    ]


def test_an_empty_body_declared_as_json_still_toggles(ada: Person) -> None:
    path = f"/api/tasks/{ada.adds()['id']}/complete"
    answer = ada.patch(path, data=b"", content_type="application/json")
    assert body(answer)["completed"] is True


def test_completed_may_be_set_on_create_and_by_put(ada: Person) -> None:
    task = ada.adds(completed=True)
    assert task["completed_at"] == task["created_at"]
    reopened = body(ada.put(f"/api/tasks/{task['id']}", json={"completed": False}))
    assert (reopened["completed"], reopened["completed_at"]) == (False, None)


def test_a_write_that_changes_nothing_changes_neither_revision_nor_updated_at(ada: Person) -> None:
    task = ada.adds(due_date="2026-12-01T09:00:00Z", completed=True)
    path = f"/api/tasks/{task['id']}"
    assert ada.put(path, json={}).json == task
    assert ada.put(path, json={"title": "  Pay rent "}).json == task
    assert ada.put(path, json={"due_date": "2026-12-01T10:00:00+01:00"}).json == task
    assert ada.patch(f"{path}/complete", json={"completed": True}).json == task
    assert ada.adds()["revision"] == 2


def test_revisions_count_each_users_writes(ada: Person, bob: Person) -> None:
    assert [ada.adds()["revision"], ada.adds()["revision"], bob.adds()["revision"]] == [1, 2, 1]
    path = f"/api/tasks/{ada.adds()['id']}"
    ada.delete(path)
    assert ada.adds()["revision"] == 5


def test_a_refused_write_does_not_count(ada: Person) -> None:
    ada.adds()
    assert ada.put(f"/api/tasks/{NOBODYS}", json={"title": "x"}).status_code == 404
    assert ada.delete(f"/api/tasks/{NOBODYS}").status_code == 404
    assert ada.adds()["revision"] == 2


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("title", "x"),
        ("title", "x" * 200),
        ("title", "𝄞" * 200),
        ("title", "‮ right-to-left \u200b zero width"),
        ("title", "Ünïcödé e\u0301"),
        ("description", ""),
        ("description", "x" * 1000),
        ("description", "  kept as sent \n\t"),
        ("description", "💣" * 1000),
        ("description", "' OR 1=1; DROP TABLE tasks; -- \\u0000 %s %(id)s {} :x"),
        ("priority", "low"),
        ("priority", None),
        ("due_date", None),
        ("completed", True),
    ],
)
def test_what_the_rules_allow_comes_back_as_sent(ada: Person, member: str, value: Any) -> None:
    sent = {"title": "Pay rent", member: value}
    task = ada.adds(**sent)
    assert task[member] == value
    assert ada.get(f"/api/tasks/{task['id']}").json == task


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("title", ""),
        ("title", "   \t\n\u2003 "),
        ("title", "x" * 201),
        ("title", None),
        ("title", 5),
        ("title", ["x"]),
        ("title", {"a": 1}),
        ("title", True),
        ("description", "x" * 1001),
        ("description", 5),
        ("description", False),
        ("priority", "urgent"),
        ("priority", "High"),
        ("priority", ""),
        ("priority", 3),
        ("priority", ["high"]),
        ("completed", "yes"),
        ("completed", "true"),
        ("completed", 1),
        ("completed", 0),
        ("completed", None),
        ("completed", 1.0),
        ("due_date", ""),
        ("due_date", "tomorrow"),
        ("due_date", 1764579600),
        ("due_date", True),
        ("due_date", {}),
        ("colour", "red"),
        ("Title", "x"),
        ("__proto__", {}),
    ],
)
def test_what_the_rules_forbid_is_refused_by_name(ada: Person, member: str, value: Any) -> None:
    task = ada.adds()
    writes = [
        ada.post(json={"title": "x", member: value}),
        ada.put(f"/api/tasks/{task['id']}", json={member: value}),
    ]
    for answer in writes:
        assert answer.status_code == 400, answer.text
        assert list(body(answer)["errors"]) == [member]
        assert body(answer)["detail"].startswith(f"{member}: ")
    assert ada.get().json == [task]


def test_white_space_around_a_title_is_trimmed(ada: Person) -> None:
    assert ada.adds(f" \u2003\n{'x' * 200}\t ")["title"] == "x" * 200


def test_a_missing_title_is_refused(ada: Person) -> None:
    answer = ada.post(json={"description": "x"})
    assert answer.status_code == 400
    assert body(answer)["detail"] == "title: Missing data for required field."
    assert body(answer)["errors"] == {"title": ["Missing data for required field."]}


def test_every_fault_of_a_body_is_named_at_once(ada: Person) -> None:
    answer = ada.post(json={"priority": "urgent", "completed": "no", "colour": "red"})
    assert set(body(answer)["errors"]) == {"title", "priority", "completed", "colour"}


def test_every_path_works_with_and_without_its_trailing_slash(ada: Person) -> None:
    created = ada.post("/api/tasks/", json={"title": "x"})
    assert created.status_code == 201
    path = f"/api/tasks/{body(created)['id']}"
    assert ada.get("/api/tasks/").json == ada.get("/api/tasks").json
    assert ada.get(f"{path}/").json == ada.get(path).json
    assert ada.put(f"{path}/", json={"title": "y"}).status_code == 200
    assert ada.patch(f"{path}/complete/").status_code == 200
    assert ada.delete(f"{path}/").status_code == 204
    for around in ("/health/", "/health/ready/", "/openapi.json/", "/docs/"):
        assert ada.get(around).status_code == 200


def test_a_known_task_is_not_sent_again(ada: Person) -> None:
    task = ada.adds()
    path = f"/api/tasks/{task['id']}"
    for known in ('"1"', 'W/"1"', '"7", "1"', '"1-gzip"', 'W/"1-br"', "*"):
        answer = ada.get(path, headers={"If-None-Match": known})
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["ETag"] == '"1"'
    for unknown in ('"2"', '"11"', '""', "1", '"1', ""):
        assert ada.get(path, headers={"If-None-Match": unknown}).json == task


def test_a_users_name_and_address_are_kept_clean_from_the_token(app: Flask, client: FlaskClient) -> None:
    def kept() -> tuple[str | None, str | None]:
        with app.app_context():
            user = db.session.execute(select(User.email, User.name)).one()
            return user.email, user.name

    Person(client, "ada", email="ada@example.com", name="A\x00da" + "x" * 10_000).adds()
    assert kept() == ("ada@example.com", "Ada" + "x" * 252)
    Person(client, "ada", email=["no"], name="\ud800Ada").adds()
    assert kept() == ("ada@example.com", "Ada")
    Person(client, "ada").adds()
    assert kept() == ("ada@example.com", "Ada")
