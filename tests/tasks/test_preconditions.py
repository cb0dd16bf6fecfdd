"""If-Match and If-None-Match (contract §6): nobody overwrites what they have not seen."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update
from werkzeug.test import TestResponse

from tests.people import Person, body
from todo_service.extensions import db
from todo_service.models import Deletion

OWN_ID = "019aa0c4-6a1e-4c3b-9d2f-3f1f2b6c8a11"  # client-made ids may be of any version
NEW = {"If-None-Match": "*"}

Write = Callable[..., TestResponse]

WRITES: dict[str, Callable[[Person, str, dict[str, str]], TestResponse]] = {
    "PUT": lambda ada, path, headers: ada.put(path, json={"title": "new"}, headers=headers),
    "PATCH": lambda ada, path, headers: ada.patch(path, json={"title": "new"}, headers=headers),
    "DELETE": lambda ada, path, headers: ada.delete(path, headers=headers),
    "complete": lambda ada, path, headers: ada.patch(f"{path}/complete", headers=headers),
}
writes = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())


@pytest.fixture
def task(ada: Person) -> dict[str, Any]:
    """A task at revision 2."""
    path = f"/api/tasks/{ada.adds('old')['id']}"
    return dict(body(ada.put(path, json={"priority": "low"})))


@writes
@pytest.mark.parametrize(
    "tag", ['"2"', 'W/"2"', '"2-gzip"', '"2--gzip"', 'W/"2-br"', '"2-zstd"', '"1", "2"', "*"]
)
def test_a_write_of_the_revision_it_names_goes_through(
    ada: Person, task: dict[str, Any], write: Write, tag: str
) -> None:
    assert write(ada, f"/api/tasks/{task['id']}", {"If-Match": tag}).status_code in (200, 204)


@writes
@pytest.mark.parametrize("tag", ['"1"', '"3"', '"22"', '"2-x"', '"2gzip"', '""', "2", '"2', "x", '"*"', ""])
def test_a_write_of_another_revision_is_refused_with_the_task_as_it_is(
    ada: Person, task: dict[str, Any], write: Write, tag: str
) -> None:
    answer = write(ada, f"/api/tasks/{task['id']}", {"If-Match": tag})
    assert answer.status_code == 412
    assert body(answer)["code"] == "precondition_failed"
    assert body(answer)["current"] == task
    assert answer.headers["ETag"] == '"2"'
    assert body(ada.get()) == [task]


@writes
def test_a_missing_task_is_404_and_a_foreign_one_403_whatever_is_to_match(
    ada: Person, bob: Person, task: dict[str, Any], write: Write
) -> None:
    for tag in ("*", '"2"'):
        assert write(ada, f"/api/tasks/{OWN_ID}", {"If-Match": tag}).status_code == 404
        assert write(bob, f"/api/tasks/{task['id']}", {"If-Match": tag}).status_code == 403
    assert body(ada.get()) == [task]


def test_a_task_that_must_be_there_and_must_not_is_neither_made_nor_changed(
    ada: Person, task: dict[str, Any]
) -> None:
    for path, status in ((OWN_ID, 404), (task["id"], 412)):
        answer = ada.put(f"/api/tasks/{path}", json={"title": "new"}, headers={"If-Match": "*", **NEW})
        assert answer.status_code == status
    assert body(ada.get()) == [task]


def test_a_merge_patch_changes_what_it_names(ada: Person, task: dict[str, Any]) -> None:
    path = f"/api/tasks/{task['id']}"
    for kind in ("application/merge-patch+json", "application/json"):
        answer = ada.patch(path, data=b'{"priority": null, "description": "x"}', content_type=kind)
        assert answer.status_code == 200
        assert body(answer) == {
            **task,
            "priority": None,
            "description": "x",
            "revision": 3,
            "updated_at": body(answer)["updated_at"],
        }
    assert body(ada.patch(path, json={}))["revision"] == 3
    assert ada.patch(path, json={"title": None}).status_code == 400
    assert ada.patch(path, json={"x": None}).status_code == 400


def test_a_client_may_make_a_tasks_id(ada: Person) -> None:
    created = ada.put(f"/api/tasks/{OWN_ID.upper()}", json={"title": "mine", "completed": True}, headers=NEW)
    assert created.status_code == 201
    assert body(created)["id"] == OWN_ID
    assert created.headers["Location"] == f"/api/tasks/{OWN_ID}"
    assert created.headers["ETag"] == '"1"'
    assert body(ada.get(created.headers["Location"])) == body(created)


def test_an_id_that_is_taken_is_refused_with_the_task_that_has_it(ada: Person) -> None:
    path = f"/api/tasks/{OWN_ID}"
    first = ada.put(path, json={"title": "first"}, headers=NEW)
    second = ada.put(path, json={"title": "second"}, headers=NEW)
    assert second.status_code == 412
    assert body(second)["current"] == body(first)
    assert ada.titles() == ["first"]


def test_two_users_may_make_the_same_id(ada: Person, bob: Person) -> None:
    path = f"/api/tasks/{OWN_ID}"
    mine = body(ada.put(path, json={"title": "Ada's"}, headers=NEW))
    his = body(bob.put(path, json={"title": "Bob's"}, headers=NEW))
    assert (body(ada.get(path)), body(bob.get(path))) == (mine, his)
    bob.delete(path)
    assert body(ada.get(path)) == mine


def test_what_was_deleted_does_not_come_back(ada: Person, bob: Person) -> None:
    path, new = f"/api/tasks/{OWN_ID}", {"json": {"title": "x"}, "headers": NEW}
    bobs = body(bob.put(path, **new))
    assert ada.put(path, **new).status_code == 201
    assert ada.delete(path).status_code == 204
    for _ in range(2):
        gone = ada.put(f"/api/tasks/{OWN_ID.upper()}", **new)
        assert (gone.status_code, body(gone)["code"]) == (410, "task_deleted")
        # That somebody else has the same id does not show, either.
        assert [ada.get(path).status_code, ada.delete(path).status_code] == [404, 404]
    assert body(ada.get()) == []
    assert body(bob.get()) == [bobs]


def test_what_was_cleared_does_not_come_back(ada: Person) -> None:
    done, new = {"title": "x", "completed": True}, {"headers": NEW}
    ada.put(f"/api/tasks/{OWN_ID}", json=done, **new)
    ada.delete("/api/tasks?status=completed")
    assert ada.put(f"/api/tasks/{OWN_ID}", json=done, **new).status_code == 410


@pytest.mark.parametrize(("days", "status"), [(89, 410), (91, 201)])
@pytest.mark.parametrize("prunes", [True, False])
def test_a_deletion_counts_for_90_days_pruned_or_not(
    app: Flask, ada: Person, days: int, status: int, prunes: bool
) -> None:
    path, new = f"/api/tasks/{OWN_ID}", {"json": {"title": "x"}, "headers": NEW}
    ada.put(path, **new)
    ada.delete(path)
    with app.app_context():
        db.session.execute(update(Deletion).values(deleted_at=datetime.now(UTC) - timedelta(days=days)))
        db.session.commit()
    if prunes:
        app.test_cli_runner().invoke(args=["prune"])
    assert ada.put(path, **new).status_code == status
    assert ada.delete(path).status_code == (204 if status == 201 else 404)


def test_a_new_task_needs_a_title_and_a_real_id(ada: Person) -> None:
    untitled = ada.put(f"/api/tasks/{OWN_ID}", json={"priority": "low"}, headers=NEW)
    assert (untitled.status_code, list(body(untitled)["errors"])) == (400, ["title"])
    assert ada.put("/api/tasks/my-id", json={"title": "x"}, headers=NEW).status_code == 404
    assert body(ada.get()) == []


def test_put_creates_nothing_without_the_header(ada: Person) -> None:
    assert ada.put(f"/api/tasks/{OWN_ID}", json={"title": "x"}).status_code == 404
    assert body(ada.get()) == []
