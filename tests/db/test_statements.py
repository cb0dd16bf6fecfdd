"""What each request costs the database, counted in SQL statements: one for a read, three for a write."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.database_events import statements
from tests.people import Person, body

FILTERS = "status=pending&priority=high,none&due_before=2030-01-01&q=rent"


@dataclass
class Scene:
    """What the requests below are about; the paths are those of tasks."""

    ada: Person
    task: str
    bobs: str
    missing: str
    list_etag: str
    task_etag: str
    next_page: str
    since: str


Request = Callable[[Scene], TestResponse]


@pytest.fixture
def scene(ada: Person, bob: Person) -> Scene:
    """Ada with three tasks and Bob with one, on a service that has looked after its schema."""
    task = f"/api/tasks/{ada.adds('Pay rent', priority='high', due_date='2026-12-01')['id']}"
    ada.adds("Buy milk", completed=True)
    ada.adds("Call mum")
    first_page = ada.get("/api/tasks?limit=1")
    return Scene(
        ada=ada,
        task=task,
        bobs=f"/api/tasks/{bob.adds('of bob')['id']}",
        missing=f"/api/tasks/{uuid4()}",
        list_etag=first_page.headers["ETag"],
        task_etag=ada.get(task).headers["ETag"],
        next_page=first_page.headers["Link"].partition("<")[2].partition(">")[0],
        since=f"/api/tasks/changes?since={body(ada.get('/api/tasks/changes?limit=1'))['token']}",
    )


def cost(app: Flask, scene: Scene, request: Request, status: int) -> list[str]:
    """The statements of a request that did what it was sent for."""
    with statements(app) as sent:
        answer = request(scene)
    assert answer.status_code == status, answer.text
    return sent


def unless(etag: str) -> dict[str, Any]:
    return {"headers": {"If-None-Match": etag}}


def once(key: str) -> dict[str, Any]:
    return {"headers": {"Idempotency-Key": key}}


READS: dict[str, tuple[int, Request]] = {
    "the list": (200, lambda at: at.ada.get()),
    "its next page": (200, lambda at: at.ada.get(at.next_page)),
    "a filtered list": (200, lambda at: at.ada.get(f"/api/tasks?{FILTERS}")),
    "a list by several keys": (200, lambda at: at.ada.get("/api/tasks?sort=priority,due_date,title")),
    "a list that is known": (304, lambda at: at.ada.get(**unless(at.list_etag))),
    "a task": (200, lambda at: at.ada.get(at.task)),
    "a task that is known": (304, lambda at: at.ada.get(at.task, **unless(at.task_etag))),
    "a task that has changed": (200, lambda at: at.ada.get(at.task, **unless('"0"'))),
    "all changes": (200, lambda at: at.ada.get("/api/tasks/changes")),
    "the changes since a token": (200, lambda at: at.ada.get(at.since)),
}
WRITES: dict[str, tuple[int, Request]] = {
    "create": (201, lambda at: at.ada.post(json={"title": "Water the plants"})),
    "update": (200, lambda at: at.ada.put(at.task, json={"title": "Pay the rent", "completed": True})),
    "update without a change": (200, lambda at: at.ada.put(at.task, json={"title": "Pay rent"})),
    "patch": (200, lambda at: at.ada.patch(at.task, json={"description": "by transfer"})),
    "toggle": (200, lambda at: at.ada.patch(f"{at.task}/complete")),
    "complete": (200, lambda at: at.ada.patch(f"{at.task}/complete", json={"completed": True})),
    "delete": (204, lambda at: at.ada.delete(at.task)),
    "clear": (200, lambda at: at.ada.delete("/api/tasks?status=completed")),
    "a refused precondition": (412, lambda at: at.ada.put(at.task, json={}, headers={"If-Match": '"0"'})),
}
ON_A_TASK: dict[str, tuple[int, Callable[[Person, str], TestResponse]]] = {
    "get": (1, lambda ada, path: ada.get(path)),
    "put": (3, lambda ada, path: ada.put(path, json={"title": "Mine now"})),
    "patch": (3, lambda ada, path: ada.patch(path, json={"title": "Mine now"})),
    "toggle": (3, lambda ada, path: ada.patch(f"{path}/complete")),
    "delete": (3, lambda ada, path: ada.delete(path)),
}
WATER = {"title": "Water the plants"}
KEYED: dict[str, Callable[[Scene, dict[str, Any]], TestResponse]] = {
    "create": lambda at, key: at.ada.post(json=WATER, **key),
    "batch": lambda at, key: at.ada.post(
        "/api/tasks/batch", json={"operations": [{"op": "create", "task": WATER}]}, **key
    ),
    "clear": lambda at, key: at.ada.delete("/api/tasks?status=completed", **key),
    "toggle": lambda at, key: at.ada.patch(f"{at.task}/complete", **key),
}


@pytest.mark.parametrize(("status", "request_"), READS.values(), ids=READS)
def test_a_read_is_one_statement(app: Flask, scene: Scene, status: int, request_: Request) -> None:
    sent = cost(app, scene, request_, status)
    assert len(sent) == 1, sent


@pytest.mark.parametrize(("status", "request_"), WRITES.values(), ids=WRITES)
def test_a_write_is_three_statements_at_most(
    app: Flask, scene: Scene, status: int, request_: Request
) -> None:
    sent = cost(app, scene, request_, status)
    assert len(sent) <= 3, sent


OF_A_TABLE = re.compile(
    r"\b(?:FROM|UPDATE) (?:users|tasks|deletions|stored_responses)\b(?! WHERE (?:false|0 = 1))"
)
OF_A_USER = re.compile(r"\b(?:users\.id|user_id) = ")


@pytest.mark.parametrize(("status", "request_"), (READS | WRITES).values(), ids=READS | WRITES)
def test_every_statement_names_its_user_for_each_table_so_that_one_shard_can_answer_it(
    app: Flask, scene: Scene, status: int, request_: Request
) -> None:
    for statement in cost(app, scene, request_, status):
        statement = " ".join(statement.split())
        assert len(OF_A_USER.findall(statement)) == len(OF_A_TABLE.findall(statement)), statement


def test_a_create_under_an_own_id_also_looks_for_the_task_and_its_deletion(app: Flask, scene: Scene) -> None:
    sent = cost(app, scene, lambda at: at.ada.put(at.missing, json={"title": "Own"}, **unless("*")), 201)
    assert len(sent) <= 4, sent


@pytest.mark.parametrize(("usual", "request_"), ON_A_TASK.values(), ids=ON_A_TASK)
def test_to_tell_missing_tasks_from_other_peoples_takes_two_statements_more_at_most(
    app: Flask, scene: Scene, usual: int, request_: Callable[[Person, str], TestResponse]
) -> None:
    of_somebody_else = cost(app, scene, lambda at: request_(at.ada, at.bobs), 403)
    missing = cost(app, scene, lambda at: request_(at.ada, at.missing), 404)
    assert len(of_somebody_else) <= usual + 2, of_somebody_else  # whether it was one's own once, too
    assert len(missing) <= usual + 1, missing


def test_what_cannot_be_an_id_is_not_looked_for(app: Flask, scene: Scene) -> None:
    assert cost(app, scene, lambda at: at.ada.get("/api/tasks/42"), 404) == []


def test_a_list_that_has_changed_is_one_statement_more_than_one_that_has_not(
    app: Flask, scene: Scene
) -> None:
    assert len(cost(app, scene, lambda at: at.ada.get(**unless('"0"')), 200)) == 2


def test_the_number_of_all_tasks_takes_no_statement_more(app: Flask, scene: Scene) -> None:
    assert len(cost(app, scene, lambda at: at.ada.get("/api/tasks?count=true&limit=1"), 200)) == 1


@pytest.mark.parametrize("write", KEYED.values(), ids=KEYED)
def test_an_idempotency_key_adds_two_statements_at_most(
    app: Flask, scene: Scene, write: Callable[[Scene, dict[str, Any]], TestResponse]
) -> None:
    sent = []
    for key in (once("key"), once("key"), {}):
        with statements(app) as found:
            assert write(scene, key).status_code < 300
        sent.append(found)
    first, again, plain = sent
    assert len(first) <= len(plain) + 2, first
    assert len(again) <= 2, again


def test_a_batch_costs_what_its_operations_cost_but_begins_once(app: Flask, scene: Scene) -> None:
    pay_rent = {"id": scene.task.rpartition("/")[2]}
    operations = [
        {"op": "create", "task": {"title": "Water the plants"}},
        {"op": "update", **pay_rent, "task": {"title": "Pay the rent"}},
        {"op": "complete", **pay_rent, "completed": True},
        {"op": "delete", **pay_rent},
    ]
    sent = cost(app, scene, lambda at: at.ada.post("/api/tasks/batch", json={"operations": operations}), 200)
    # It begins and ends with the counter, a create is one statement, the others are two.
    assert len(sent) <= 1 + (1 + 2 + 2 + 2) + 1, sent
