"""Batches (contract §6): in order, all or nothing."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.people import Person, body

NOBODYS = "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"

Operation = dict[str, Any]


def run(person: Person, *operations: object) -> TestResponse:
    return person.post("/api/tasks/batch", json={"operations": operations})


def creates(title: str, **members: Any) -> Operation:
    return {"op": "create", "task": {"title": title, **members}}


def test_operations_are_done_in_their_order_and_answered_one_by_one(ada: Person) -> None:
    old, done = ada.adds("old"), ada.adds("done")
    answer = run(
        ada,
        creates("new", priority="high"),
        {"op": "update", "id": old["id"], "task": {"title": "newer"}, "if_match": 1},
        {"op": "update", "id": old["id"], "task": {"description": "twice"}},
        {"op": "complete", "id": old["id"], "completed": True},
        {"op": "delete", "id": done["id"], "if_match": 2},
    )
    assert answer.status_code == 200
    results = body(answer)["results"]
    assert [result["status"] for result in results] == [201, 200, 200, 200, 204]
    assert results[4] == {"status": 204}
    assert [result["task"]["revision"] for result in results[:4]] == [3, 4, 5, 6]
    assert results[3]["task"]["title"] == "newer"
    assert results[3]["task"]["description"] == "twice"
    assert body(ada.get()) == [results[0]["task"], results[3]["task"]]
    assert ada.adds()["revision"] == 8


def test_what_changes_nothing_takes_no_revision(ada: Person) -> None:
    task = ada.adds()
    same = {"op": "update", "id": task["id"], "task": {"title": task["title"]}}
    open_already = {"op": "complete", "id": task["id"], "completed": False}
    results = body(run(ada, same, open_already))["results"]
    assert results == [{"status": 200, "task": task}] * 2
    assert body(run(ada, same, creates("x"), same))["results"][1]["task"]["revision"] == 2
    assert ada.adds()["revision"] == 3


FAILING = [
    (400, creates("")),
    (400, {"op": "create"}),
    (400, {"op": "create", "task": {"title": "x", "colour": "red"}}),
    (400, {"op": "create", "task": {"title": "x"}, "id": "my-id"}),
    (400, {"op": "create", "task": {"title": "x"}, "id": f"{NOBODYS}\n"}),
    (400, {"op": "create", "task": {"title": "x"}, "id": None}),
    (400, {"op": "create", "task": {}, "id": NOBODYS}),
    (400, {"op": "create", "task": None}),
    (400, {"op": "create", "task": "x"}),
    (400, {"op": "update", "id": NOBODYS}),
    (400, {"op": "update", "id": NOBODYS, "task": {"title": None}}),
    (400, {"op": "update", "task": {"title": "x"}}),
    (400, {"op": "complete", "id": NOBODYS}),
    (400, {"op": "complete", "id": NOBODYS, "completed": "yes"}),
    (400, {"op": "delete"}),
    (400, {"op": "delete", "id": 5}),
    (400, {"op": "delete", "id": NOBODYS, "if_match": "1"}),
    (400, {"op": "delete", "id": NOBODYS, "if_match": 1.5}),
    (400, {"op": "delete", "id": NOBODYS, "if_match": True}),
    (400, {"op": "drop"}),
    (400, {"op": ["create"]}),
    (400, {"op": None}),
    (400, {}),
    (400, None),
    (400, "create"),
    (400, [creates("x")]),
    (404, {"op": "update", "id": NOBODYS, "task": {"title": "x"}}),
    (404, {"op": "complete", "id": NOBODYS, "completed": True}),
    (404, {"op": "delete", "id": NOBODYS}),
    (404, {"op": "delete", "id": "no-id"}),
]


@pytest.mark.parametrize(("status", "failing"), FAILING)
def test_the_first_failing_operation_decides_and_nothing_is_done(
    ada: Person, status: int, failing: object
) -> None:
    task = ada.adds()
    change = {"op": "complete", "id": task["id"], "completed": True}
    answer = run(ada, creates("x"), change, failing, creates(""), {"op": "delete", "id": NOBODYS})
    assert answer.status_code == status, answer.text
    assert list(body(answer)["errors"]) == ["2"]
    assert all(isinstance(message, str) for message in body(answer)["errors"]["2"])
    assert body(ada.get()) == [task]
    assert ada.adds()["revision"] == 2


def test_a_foreign_task_is_403(ada: Person, bob: Person) -> None:
    task = ada.adds()
    for op in ({"op": "delete"}, {"op": "complete", "completed": True}, {"op": "update", "task": {}}):
        answer = run(bob, {**op, "id": task["id"]})
        assert (answer.status_code, list(body(answer)["errors"])) == (403, ["0"])
    assert body(ada.get()) == [task]


def test_another_revision_is_412_with_the_task_as_it_is(ada: Person) -> None:
    task = ada.adds()
    for op in (
        {"op": "delete"},
        {"op": "complete", "completed": True},
        {"op": "update", "task": {"title": "y"}},
    ):
        answer = run(ada, {**op, "id": task["id"], "if_match": 7})
        assert (answer.status_code, list(body(answer)["errors"])) == (412, ["0"])
        assert body(answer)["current"] == task
    assert body(ada.get()) == [task]


def test_a_412_does_not_show_what_the_batch_did_before_it_failed(ada: Person) -> None:
    task = ada.adds()
    change = {"op": "update", "id": task["id"], "task": {"title": "never seen"}, "if_match": 1}
    answer = run(ada, change, change)
    assert (answer.status_code, list(body(answer)["errors"])) == (412, ["1"])
    assert body(answer)["current"] == task
    assert answer.headers["ETag"] == '"1"'


def test_a_task_may_be_created_under_the_clients_id(ada: Person, bob: Person) -> None:
    own = {**creates("mine"), "id": NOBODYS.upper()}
    edit = {"op": "update", "id": NOBODYS, "task": {"priority": "high"}, "if_match": 1}
    for person in (ada, bob):
        results = body(run(person, own, edit))["results"]
        assert [result["status"] for result in results] == [201, 200]
        assert results[0]["task"]["id"] == NOBODYS
        assert body(person.get()) == [results[1]["task"]]


def test_an_id_that_is_taken_is_412_and_one_that_was_deleted_410(ada: Person) -> None:
    own = {**creates("again"), "id": NOBODYS}
    (task,) = (result["task"] for result in body(run(ada, own))["results"])
    taken = run(ada, creates("x"), {"op": "update", "id": NOBODYS, "task": {"title": "never seen"}}, own)
    assert (taken.status_code, list(body(taken)["errors"])) == (412, ["2"])
    assert (body(taken)["current"], taken.headers["ETag"]) == (task, '"1"')
    assert run(ada, {"op": "delete", "id": NOBODYS}, own).status_code == 410
    assert body(ada.get()) == [task]
    ada.delete(f"/api/tasks/{NOBODYS}")
    gone = run(ada, creates("x"), own)
    assert (gone.status_code, body(gone)["code"]) == (410, "task_deleted")
    assert list(body(gone)["errors"]) == ["1"]
    assert body(ada.get()) == []


def test_a_412_about_a_task_that_only_the_batch_made_shows_none(ada: Person) -> None:
    own = {**creates("mine"), "id": NOBODYS}
    for failing in (own, {"op": "delete", "id": NOBODYS, "if_match": 7}):
        answer = run(ada, own, failing)
        assert (answer.status_code, list(body(answer)["errors"])) == (412, ["1"])
        assert "current" not in body(answer)
        assert "ETag" not in answer.headers
    assert body(ada.get()) == []


@pytest.mark.parametrize(
    "sent",
    [{}, {"operations": []}, {"operations": {}}, {"operations": None}, {"operations": [creates("x")] * 101}],
)
def test_a_batch_has_1_to_100_operations(ada: Person, sent: object) -> None:
    answer = ada.post("/api/tasks/batch", json=sent)
    assert (answer.status_code, list(body(answer)["errors"])) == (400, ["operations"])
    assert body(ada.get()) == []


def test_a_hundred_large_tasks_fit(ada: Person) -> None:
    large = creates("x" * 200, description="💣" * 1000)
    results = body(run(ada, *[large] * 85))["results"]  # written as \\ud83d\\udca3, about a MiB
    assert len(results) == 85


def test_a_batch_over_1_mib_is_413(ada: Person) -> None:
    for size, status in ((1024 * 1024, 400), (1024 * 1024 + 1, 413)):
        answer = ada.post("/api/tasks/batch", data=b" " * size, content_type="application/json")
        assert answer.status_code == status
