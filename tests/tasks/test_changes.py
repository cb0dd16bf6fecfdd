"""The changes feed, clearing and pruning (contract §6): a mirror that misses nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from tests.people import Person, body, list_tag
from todo_service.extensions import db
from todo_service.models import Deletion

OWN_ID = "019aa0c4-6a1e-4c3b-9d2f-3f1f2b6c8a11"


class Mirror:
    """A device that follows a user's tasks."""

    def __init__(self, person: Person) -> None:
        self.person, self.tasks, self.token = person, dict[str, Any](), ""

    def ask(self, limit: int = 1000) -> TestResponse:
        return self.person.get(f"/api/tasks/changes?limit={limit}&since={self.token}")

    def follow(self, limit: int = 1000) -> list[dict[str, Any]]:
        """Catch up; return the changes in their order."""
        seen = []
        has_more = True
        while has_more:
            answer = self.ask(limit)
            assert answer.status_code == 200, answer.text
            page = body(answer)
            assert len(page["changes"]) <= limit
            for change in page["changes"]:
                self.apply(change)
            seen += page["changes"]
            self.token, has_more = page["token"], page["has_more"]
        return seen

    def apply(self, change: dict[str, Any]) -> None:
        if change["type"] == "upsert":
            assert set(change) == {"type", "task"}
            self.tasks[change["task"]["id"]] = change["task"]
        else:
            assert set(change) == {"type", "id", "deleted_at"}
            self.tasks.pop(change["id"], None)

    def equals_the_list(self) -> bool:
        return sorted(self.tasks.values(), key=str) == sorted(body(self.person.get()), key=str)


@pytest.fixture
def mirror(ada: Person) -> Mirror:
    return Mirror(ada)


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_the_first_time_everything_there_is_is_told(ada: Person, mirror: Mirror, limit: int) -> None:
    tasks = [ada.adds(str(number)) for number in range(5)]
    ada.delete(f"/api/tasks/{tasks[1]['id']}")
    changes = mirror.follow(limit)
    assert [change["type"] for change in changes] == ["upsert"] * 4
    assert mirror.equals_the_list()


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_then_only_what_changed_each_task_once_in_its_newest_state(
    ada: Person, mirror: Mirror, limit: int
) -> None:
    kept, edited, gone = (ada.adds(title) for title in ("kept", "edited", "gone"))
    mirror.follow()
    for title in ("once", "twice"):
        ada.put(f"/api/tasks/{edited['id']}", json={"title": title})
    ada.delete(f"/api/tasks/{gone['id']}")
    new = ada.adds("new")
    brief = ada.adds("brief")
    ada.delete(f"/api/tasks/{brief['id']}")
    told = [change.get("id") or change["task"]["id"] for change in mirror.follow(limit)]
    assert told == [edited["id"], gone["id"], new["id"], brief["id"]]
    assert kept["id"] in mirror.tasks
    assert mirror.equals_the_list()
    assert mirror.follow() == []


def test_a_deletion_tells_when(ada: Person, mirror: Mirror) -> None:
    task = ada.adds()
    mirror.follow()
    ada.delete(f"/api/tasks/{task['id']}")
    (change,) = mirror.follow()
    assert (change["type"], change["id"]) == ("delete", task["id"])
    assert change["deleted_at"] > task["created_at"]


def test_what_happens_between_two_pages_of_the_first_time_is_not_missed(ada: Person, mirror: Mirror) -> None:
    tasks = [ada.adds(str(number)) for number in range(4)]
    first = body(mirror.ask(2))
    for change in first["changes"]:
        mirror.apply(change)
    mirror.token = first["token"]
    ada.delete(f"/api/tasks/{tasks[0]['id']}")  # told already
    ada.delete(f"/api/tasks/{tasks[3]['id']}")  # not told yet
    ada.put(f"/api/tasks/{tasks[1]['id']}", json={"title": "changed"})
    mirror.follow(2)
    assert mirror.equals_the_list()


def test_a_task_that_comes_back_under_its_id_is_one_change(app: Flask, ada: Person, mirror: Mirror) -> None:
    path, new = f"/api/tasks/{OWN_ID}", {"If-None-Match": "*"}
    ada.put(path, json={"title": "first"}, headers=new)
    mirror.follow()
    ada.delete(path)
    age_deletions(app, 91)
    ada.put(path, json={"title": "second"}, headers=new)
    (change,) = mirror.follow()
    assert (change["type"], change["task"]["title"]) == ("upsert", "second")
    ada.delete(path)
    assert [change["type"] for change in mirror.follow()] == ["delete"]


def test_a_batch_is_told_operation_by_operation(ada: Person, mirror: Mirror) -> None:
    mirror.follow()
    ada.post("/api/tasks/batch", json={"operations": [{"op": "create", "task": {"title": "x"}}] * 5})
    assert len(mirror.follow(2)) == 5
    assert mirror.equals_the_list()


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_clearing_deletes_what_is_completed_and_is_told(ada: Person, mirror: Mirror, limit: int) -> None:
    for number in range(6):
        ada.adds(str(number), completed=number % 2 == 0)
    mirror.follow()
    cleared = ada.delete("/api/tasks?status=completed")
    assert (cleared.status_code, body(cleared)) == (200, {"deleted": 3})
    assert [change["type"] for change in mirror.follow(limit)] == ["delete"] * 3
    assert mirror.equals_the_list()
    assert ada.adds()["revision"] == 8


def test_clearing_nothing_changes_nothing(ada: Person, bob: Person) -> None:
    bob.adds(completed=True)
    ada.adds()
    assert body(ada.delete("/api/tasks?status=completed")) == {"deleted": 0}
    assert ada.get().headers["ETag"] == list_tag("ada", 1)
    assert len(body(bob.get())) == 1


@pytest.mark.parametrize("query", ["", "?status=all", "?status=pending", "?status=", "?status=completed&x=1"])
def test_without_exactly_that_filter_nothing_is_cleared(ada: Person, query: str) -> None:
    task = ada.adds(completed=True)
    assert ada.delete(f"/api/tasks{query}").status_code == 400
    assert body(ada.get()) == [task]


def test_somebody_new_has_no_changes_and_misses_none_later(ada: Person, mirror: Mirror) -> None:
    assert mirror.follow() == []
    assert mirror.follow() == []
    ada.adds()
    assert len(mirror.follow()) == 1
    assert mirror.equals_the_list()


def test_a_token_that_is_altered_or_anothers_is_refused(ada: Person, bob: Person, mirror: Mirror) -> None:
    ada.adds()
    bob.adds()
    mirror.follow()
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
    mirror.follow()
    before = mirror.token
    ada.delete(f"/api/tasks/{tasks[0]['id']}")
    mirror.follow()
    assert prune(app, 89) == "Removed 0 stored responses and 0 deletions.\n"
    assert ada.get(f"/api/tasks/changes?since={before}").status_code == 200
    assert prune(app, 91) == "Removed 0 stored responses and 1 deletions.\n"
    assert expired(ada.get(f"/api/tasks/changes?since={before}"))
    ada.delete(f"/api/tasks/{tasks[1]['id']}")
    mirror.follow()  # it had heard of the deletion that is forgotten
    assert mirror.equals_the_list()
    afresh = Mirror(ada)
    afresh.follow(1)
    assert afresh.equals_the_list()


def test_prune_works_in_batches_and_leaves_other_users_alone(
    app: Flask, ada: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("todo_service.db.retention.BATCH", 2)
    followers = [Mirror(ada), Mirror(bob)]
    for person, number in ((ada, 5), (bob, 1)):
        for _ in range(number):
            person.adds(completed=True)
        person.delete("/api/tasks?status=completed")
    for follower in followers:
        follower.follow()
    assert prune(app, 91) == "Removed 0 stored responses and 6 deletions.\n"
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Deletion)) == 0
    for follower in followers:
        assert follower.follow() == []
