"""The account: to see, and to erase (contract §8)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import inspect, text

from tests.database_events import app_engine, listening
from tests.people import Person, body
from todo_service.extensions import db

CONFIRMED = {"confirm": "erase"}


# ---- to see


@pytest.mark.parametrize(
    ("claims", "shown"),
    [
        ({}, (None, None)),
        ({"email": "ada@example.com", "name": "Ada"}, ("ada@example.com", "Ada")),
        ({"email": 7, "name": "\0" + "x" * 300}, (None, "x" * 255)),
    ],
)
def test_of_somebody_new_is_shown_what_the_token_says_and_zeros(
    app: Flask, claims: dict[str, Any], shown: tuple[str | None, str | None]
) -> None:
    ada = Person(app.test_client(), "ada", **claims)
    assert body(ada.get("/api/account")) == body(ada.get("/api/account/export"))["account"]
    assert body(ada.get("/api/account")) == {
        "user_id": "ada",
        "email": shown[0],
        "name": shown[1],
        "created_at": None,
        "tasks": {"total": 0, "pending": 0, "completed": 0, "overdue": 0},
    }


def test_the_account_says_who_and_counts_the_tasks(app: Flask, bob: Person) -> None:
    ada = Person(app.test_client(), "ada", email="ada@example.com", name="Ada Lovelace")
    bob.adds(due_date="2020-01-01")
    first = ada.adds()
    ada.adds(completed=True, due_date="2020-01-01")
    ada.adds(due_date="2020-01-01")
    ada.adds(due_date=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    assert body(ada.get("/api/account/")) == {
        "user_id": "ada",
        "email": "ada@example.com",
        "name": "Ada Lovelace",
        "created_at": first["created_at"],
        "tasks": {"total": 4, "pending": 3, "completed": 1, "overdue": 1},
    }


def test_somebody_whose_tasks_are_gone_is_still_known(ada: Person) -> None:
    task = ada.adds()
    ada.delete(f"/api/tasks/{task['id']}")
    found = body(ada.get("/api/account"))
    assert (found["created_at"], found["tasks"]["total"]) == (task["created_at"], 0)


# ---- to erase


def held(user: str) -> dict[str, int]:
    """How many rows each table holds of a user."""
    found = {}
    for table in inspect(db.engine).get_table_names():
        columns = {column["name"] for column in inspect(db.engine).get_columns(table)}
        owner = "id" if table == "users" else "user_id"
        if owner in columns:
            count = f"SELECT count(*) FROM {table} WHERE {owner} = :user"
            found[table] = int(db.session.execute(text(count), {"user": user}).scalar_one())
    return found


def lives(person: Person) -> dict[str, Any]:
    """Leave rows in every table; return a task."""
    for number in range(3):
        person.post(json={"title": "x"}, headers={"Idempotency-Key": f"k{number}"})
    task = person.adds()
    person.delete(f"/api/tasks/{person.adds()['id']}")
    return task


def test_every_row_of_the_user_is_gone_and_nobody_elses(app: Flask, ada: Person, bob: Person) -> None:
    lives(ada)
    lives(bob)
    with app.app_context():
        before = held("ada")
        assert set(before) == {"users", "tasks", "deletions", "stored_responses"}
        assert all(before.values())
        erased = ada.delete("/api/account", json=CONFIRMED)
        assert (erased.status_code, erased.data) == (204, b"")
        assert not any(held("ada").values())
        assert held("bob") == before
    assert body(ada.get()) == []
    assert body(ada.get("/api/account"))["created_at"] is None
    assert ada.delete("/api/account", json=CONFIRMED).status_code == 204


@pytest.mark.parametrize(
    "sent",
    [None, {}, {"confirm": "yes"}, {"confirm": "ERASE"}, {"confirm": True}, {"confirm": "erase", "x": 1}],
)
def test_nothing_is_erased_without_the_confirmation(ada: Person, sent: object) -> None:
    task = ada.adds()
    answer = ada.delete("/api/account", **({} if sent is None else {"json": sent}))
    assert answer.status_code == 400
    assert body(ada.get()) == [task]


def test_who_sends_nothing_is_told_what_to_send(ada: Person) -> None:
    nothings: list[dict[str, Any]] = [
        {},
        {"data": b""},
        {"data": b"", "content_type": "application/json"},
        {"json": {}},
    ]
    for nothing in nothings:
        detail = body(ada.delete("/api/account", **nothing))["detail"]
        assert 'Send {"confirm": "erase"} to erase everything for good.' in detail, nothing
    refused = ada.delete("/api/account", data=b'{"confirm": "erase"}')
    assert (refused.status_code, "Content-Type: application/json" in body(refused)["detail"]) == (415, True)
    assert "title: Missing data" in body(ada.post())["detail"]


def test_a_later_write_starts_afresh(ada: Person) -> None:
    old = lives(ada)
    ada.delete("/api/account", json=CONFIRMED)
    assert ada.get(f"/api/tasks/{old['id']}").status_code == 404
    assert ada.post(json={"title": "x"}, headers={"Idempotency-Key": "k0"}).status_code == 201
    assert len(body(ada.get())) == 1


def test_a_sync_token_of_an_erased_life_tells_that_it_was_erased(ada: Person, bob: Person) -> None:
    tokens = []
    for _ in range(2):
        lives(ada)
        tokens += [body(ada.get(f"/api/tasks/changes?limit={limit}"))["token"] for limit in (1, 1000)]
        ada.delete("/api/account", json=CONFIRMED)
    for written in range(8):
        for token in tokens:
            answer = ada.get(f"/api/tasks/changes?since={token}")
            assert (answer.status_code, body(answer)["code"]) == (410, "account_erased")
            assert body(bob.get(f"/api/tasks/changes?since={token}"))["code"] == "sync_token_expired"
        assert len(body(ada.get("/api/tasks/changes"))["changes"]) == written
        ada.adds()


def test_etags_of_an_erased_life_match_nothing_if_the_next_begins_with_a_write_that_changes_nothing(
    ada: Person,
) -> None:
    for number in range(3):
        lives(ada)
        known = {"If-None-Match": ada.get().headers["ETag"]}
        ada.delete("/api/account", json=CONFIRMED)
        cleared = ada.delete("/api/tasks?status=completed", headers={"Idempotency-Key": str(number)})
        assert body(cleared) == {"deleted": 0}
        assert (ada.get(headers=known).status_code, body(ada.get())) == (200, [])


def test_etags_of_an_erased_life_match_nothing_in_the_next(ada: Person, bob: Person) -> None:
    chosen = "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"
    create = {"json": {"title": "x"}, "headers": {"If-None-Match": "*"}}
    for _ in range(3):
        lives(bob)
        task = body(ada.put(f"/api/tasks/{chosen}", **create))
        tags = {f'"{revision}"' for revision in range(1, lives(ada)["revision"] + 3)}
        assert ada.get(headers={"If-None-Match": ada.get().headers["ETag"]}).status_code == 304
        ada.delete("/api/account", json=CONFIRMED)
        again = body(ada.put(f"/api/tasks/{chosen}", **create))
        assert again["revision"] > task["revision"]
        for number in range(12):
            assert ada.get(headers={"If-None-Match": ", ".join(tags)}).status_code == 200
            assert (
                ada.get(f"/api/tasks/{chosen}", headers={"If-None-Match": ", ".join(tags)}).status_code == 200
            )
            change = {"json": {"title": f"y{number}"}, "headers": {"If-Match": ", ".join(tags)}}
            assert ada.put(f"/api/tasks/{chosen}", **change).status_code == 412
            ada.put(f"/api/tasks/{chosen}", json={"title": f"z{number}"})
        ada.delete("/api/account", json=CONFIRMED)


def test_a_first_life_begins_at_one(ada: Person) -> None:
    assert [ada.adds()["revision"] for _ in range(3)] == [1, 2, 3]


@contextmanager
def working(*people: Person, stop: threading.Event) -> Iterator[list[int]]:
    """Each of them creates tasks until told to stop; yields the statuses they got."""
    statuses: list[int] = []

    def work(person: Person) -> None:
        while not stop.is_set():
            statuses.append(person.post(json={"title": "x"}).status_code)

    threads = [threading.Thread(target=work, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_erasing_while_the_owner_writes_is_no_error(app: Flask) -> None:
    writers = [Person(app.test_client(), "ada") for _ in range(4)]
    eraser, highest = Person(app.test_client(), "ada"), 0
    with working(*writers, stop=threading.Event()) as statuses:
        for _ in range(25):
            seen = [task["revision"] for task in body(eraser.get())]
            assert not seen or min(seen) > highest, "a revision of an earlier life"
            highest = max([highest, *seen])
            while (status := eraser.delete("/api/account", json=CONFIRMED).status_code) == 503:
                pass  # SQLite's writers sleep instead of queueing
            assert status == 204
    assert set(statuses) <= {201, 503}


def test_an_operator_can_erase_somebody(app: Flask, ada: Person, bob: Person) -> None:
    lives(ada)
    bob.adds()
    run = app.test_cli_runner().invoke
    assert run(args=["users", "erase", "ada"]).output == "Erased.\n"
    again = run(args=["users", "erase", "ada"])
    assert (again.exit_code, again.output) == (1, "Error: Nothing is held of this user.\n")
    assert ada.titles() == []
    assert len(bob.titles()) == 1


def test_a_failed_erasure_erases_nothing(app: Flask, ada: Person) -> None:
    def fail(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "INSERT INTO erasures" in statement:
            raise RuntimeError

    task = ada.adds()
    with listening(app_engine(app), "before_cursor_execute", fail):
        assert ada.delete("/api/account", json=CONFIRMED).status_code == 500
    assert body(ada.get()) == [task]
