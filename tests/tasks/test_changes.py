"""The changes feed, clearing and pruning (contract §6): a mirror that misses nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from tests.database_events import listening
from tests.mirror import Mirror
from tests.people import Person, body, list_tag
from todo_service.db.retention import BATCH
from todo_service.extensions import db
from todo_service.models import Deletion

OWN_ID = "019aa0c4-6a1e-4c3b-9d2f-3f1f2b6c8a11"


@pytest.fixture
def mirror() -> Mirror:
    """Ada's device."""
    return Mirror()


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_the_first_time_everything_there_is_is_told(ada: Person, mirror: Mirror, limit: int) -> None:
    tasks = [ada.adds(str(number)) for number in range(5)]
    ada.delete(f"/api/tasks/{tasks[1]['id']}")
    changes = mirror.catch_up(ada, limit)
    assert [change["type"] for change in changes] == ["upsert"] * 4
    assert mirror.equals_the_list(ada)


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_later_only_what_changed_is_told_each_task_once_in_its_newest_state(
    ada: Person, mirror: Mirror, limit: int
) -> None:
    kept, edited, gone = (ada.adds(title) for title in ("kept", "edited", "gone"))
    mirror.catch_up(ada)
    for title in ("once", "twice"):
        ada.put(f"/api/tasks/{edited['id']}", json={"title": title})
    ada.delete(f"/api/tasks/{gone['id']}")
    new = ada.adds("new")
    brief = ada.adds("brief")
    ada.delete(f"/api/tasks/{brief['id']}")
    told = [change.get("id") or change["task"]["id"] for change in mirror.catch_up(ada, limit)]
    assert told == [edited["id"], gone["id"], new["id"], brief["id"]]
    assert kept["id"] in mirror.tasks
    assert mirror.equals_the_list(ada)
    assert mirror.catch_up(ada) == []


def test_a_deletion_tells_when(ada: Person, mirror: Mirror) -> None:
    task = ada.adds()
    mirror.catch_up(ada)
    ada.delete(f"/api/tasks/{task['id']}")
    (change,) = mirror.catch_up(ada)
    assert (change["type"], change["id"]) == ("delete", task["id"])
    assert change["deleted_at"] > task["created_at"]


def test_what_happens_between_two_pages_of_the_first_time_is_not_missed(ada: Person, mirror: Mirror) -> None:
    tasks = [ada.adds(str(number)) for number in range(4)]
    mirror.take_page(ada, 2)
    ada.delete(f"/api/tasks/{tasks[0]['id']}")  # told already
    ada.delete(f"/api/tasks/{tasks[3]['id']}")  # not told yet
    ada.put(f"/api/tasks/{tasks[1]['id']}", json={"title": "changed"})
    mirror.catch_up(ada, 2)
    assert mirror.equals_the_list(ada)


def test_a_task_that_comes_back_under_its_id_is_one_change(app: Flask, ada: Person, mirror: Mirror) -> None:
    path, new = f"/api/tasks/{OWN_ID}", {"If-None-Match": "*"}
    ada.put(path, json={"title": "first"}, headers=new)
    mirror.catch_up(ada)
    ada.delete(path)
    age_deletions(app, 91)
    ada.put(path, json={"title": "second"}, headers=new)
    (change,) = mirror.catch_up(ada)
    assert (change["type"], change["task"]["title"]) == ("upsert", "second")
    ada.delete(path)
    assert [change["type"] for change in mirror.catch_up(ada)] == ["delete"]


def test_a_batch_is_told_operation_by_operation(ada: Person, mirror: Mirror) -> None:
    mirror.catch_up(ada)
    ada.post("/api/tasks/batch", json={"operations": [{"op": "create", "task": {"title": "x"}}] * 5})
    assert len(mirror.catch_up(ada, 2)) == 5
    assert mirror.equals_the_list(ada)


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_clearing_deletes_what_is_completed_and_is_told(ada: Person, mirror: Mirror, limit: int) -> None:
    for number in range(6):
        ada.adds(str(number), completed=number % 2 == 0)
    mirror.catch_up(ada)
    cleared = ada.delete("/api/tasks?status=completed")
    assert (cleared.status_code, body(cleared)) == (200, {"deleted": 3})
    assert [change["type"] for change in mirror.catch_up(ada, limit)] == ["delete"] * 3
    assert mirror.equals_the_list(ada)
    assert ada.adds()["revision"] == 8


def test_clearing_nothing_changes_nothing(ada: Person, bob: Person) -> None:
    bob.adds(completed=True)
    ada.adds()
    assert body(ada.delete("/api/tasks?status=completed")) == {"deleted": 0}
    assert ada.get().headers["ETag"] == list_tag("ada", 1)
    assert len(body(bob.get())) == 1


@pytest.mark.parametrize("query", ["", "?status=all", "?status=pending", "?status=", "?status=completed&x=1"])
def test_nothing_is_cleared_without_exactly_that_filter(ada: Person, query: str) -> None:
    task = ada.adds(completed=True)
    assert ada.delete(f"/api/tasks{query}").status_code == 400
    assert body(ada.get()) == [task]


def test_somebody_new_has_no_changes_and_misses_none_later(ada: Person, mirror: Mirror) -> None:
    assert mirror.catch_up(ada) == []
    assert mirror.catch_up(ada) == []
    ada.adds()
    assert len(mirror.catch_up(ada)) == 1
    assert mirror.equals_the_list(ada)


def test_a_token_that_is_altered_or_anothers_is_refused(ada: Person, bob: Person, mirror: Mirror) -> None:
    ada.adds()
    bob.adds()
    mirror.catch_up(ada)
    theirs = bob.get(f"/api/tasks/changes?since={mirror.token}")
    for answer in (theirs, *(ada.get(f"/api/tasks/changes?since={x}") for x in ("x", mirror.token[:-4]))):
        assert (answer.status_code, body(answer)["code"]) == (410, "sync_token_expired")


def expired(answer: TestResponse) -> bool:
    return answer.status_code == 410 and body(answer)["code"] == "sync_token_expired"


def age_deletions(app: Flask, days: int) -> None:
    with app.app_context():
        db.session.execute(update(Deletion).values(deleted_at=datetime.now(UTC) - timedelta(days=days)))
        db.session.commit()


def prune(app: Flask, days: int) -> str:
    """Let the deletions be so old, then prune."""
    age_deletions(app, days)
    return str(app.test_cli_runner().invoke(args=["prune"]).output)


def test_a_token_older_than_the_kept_deletions_has_expired(app: Flask, ada: Person, mirror: Mirror) -> None:
    tasks = [ada.adds(str(number)) for number in range(3)]
    mirror.catch_up(ada)
    before = mirror.token
    ada.delete(f"/api/tasks/{tasks[0]['id']}")
    mirror.catch_up(ada)
    assert prune(app, 89) == "Removed 0 stored responses and 0 deletions.\n"
    assert ada.get(f"/api/tasks/changes?since={before}").status_code == 200
    assert prune(app, 91) == "Removed 0 stored responses and 1 deletions.\n"
    assert expired(ada.get(f"/api/tasks/changes?since={before}"))
    ada.delete(f"/api/tasks/{tasks[1]['id']}")
    mirror.catch_up(ada)  # it had heard of the deletion that is forgotten
    assert mirror.equals_the_list(ada)
    afresh = Mirror()
    afresh.catch_up(ada, 1)
    assert afresh.equals_the_list(ada)


def test_prune_works_in_batches_and_leaves_other_users_alone(app: Flask, ada: Person, bob: Person) -> None:
    followers = {"ada": (ada, Mirror()), "bob": (bob, Mirror())}
    add_completed(ada, BATCH + 1)
    add_completed(bob, 1)
    for person, mirror in followers.values():
        person.delete("/api/tasks?status=completed")
        mirror.catch_up(person)
    with app.app_context(), listening(db.engine, "commit", lambda *_: None) as commits:
        assert prune(app, 91) == f"Removed 0 stored responses and {BATCH + 2} deletions.\n"
        assert len(commits) >= 2
        assert db.session.scalar(select(func.count()).select_from(Deletion)) == 0
    for person, mirror in followers.values():
        assert mirror.catch_up(person) == []


def add_completed(person: Person, number: int) -> None:
    create = {"op": "create", "task": {"title": "x", "completed": True}}
    for done in range(0, number, 100):
        operations = [create] * min(100, number - done)
        assert person.post("/api/tasks/batch", json={"operations": operations}).status_code == 200
