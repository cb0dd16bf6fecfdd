"""The account: to see, to take along, to erase (contract §8)."""

import codecs
import csv
import io
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from icalendar import Calendar
from sqlalchemy import inspect, text
from werkzeug.test import TestResponse

from tests.database_events import app_engine, listening
from tests.people import Person, body
from todo_service.account.views import CHUNK
from todo_service.extensions import db

CONFIRMED = {"confirm": "erase"}


def export(person: Person, form: str = "") -> TestResponse:
    answer = person.get(f"/api/account/export?format={form}")
    assert answer.status_code == 200, answer.text
    return answer


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
    assert body(ada.get("/api/account")) == body(export(ada))["account"]
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


# ---- to take along


def test_the_export_is_the_account_and_every_task(ada: Person, bob: Person) -> None:
    bob.adds("of bob")
    tasks = [ada.adds(f"task {number}", description='with "quotes"\n') for number in range(3)]
    for answer in (export(ada), export(ada, "json")):
        assert answer.content_type == "application/json"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="tasks.json"'
        assert body(answer) == {"account": body(ada.get("/api/account")), "tasks": tasks}


def test_the_export_is_whole_however_it_is_cut(ada: Person) -> None:
    """It is read piece by piece, of which the last one may be full, or have one task only."""
    tasks: list[dict[str, Any]] = []
    for many in (0, 1, CHUNK, CHUNK + 1, 2 * CHUNK):
        tasks += added(ada, many - len(tasks))
        ids = [str(task["id"]) for task in tasks]
        assert body(export(ada))["tasks"] == tasks
        assert [row["id"] for row in rows_of(export(ada, "csv"))] == ids
        assert re.findall(r"^UID:(.*)\r$", export(ada, "ics").text, re.MULTILINE) == ids


def added(person: Person, number: int) -> list[dict[str, Any]]:
    """So many tasks more, in the order in which they were created."""
    create, tasks = {"op": "create", "task": {"title": "x"}}, []
    for done in range(0, number, 100):
        answer = person.post("/api/tasks/batch", json={"operations": [create] * min(100, number - done)})
        tasks += [result["task"] for result in body(answer)["results"]]
    return tasks


def rows_of(answer: TestResponse) -> list[dict[str, str]]:
    assert answer.data.startswith(codecs.BOM_UTF8)  # without it Excel reads another encoding
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def todos_of(answer: TestResponse) -> list[Any]:
    return list(Calendar.from_ical(answer.data).walk("VTODO"))


def test_csv_holds_what_json_does(ada: Person) -> None:
    ada.adds('Büro, "quoted"', description="two\nlines", priority="high", completed=True)
    ada.adds("plain")
    answer = export(ada, "csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="tasks.csv"'
    assert answer.data.count(b"\r\n") == 3
    expected = [
        {
            name: json.dumps(value) if isinstance(value, bool | int) else value or ""
            for name, value in task.items()
        }
        for task in body(export(ada))["tasks"]
    ]
    assert rows_of(answer) == expected


@pytest.mark.parametrize(
    "formula",
    ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20x"],
)
def test_no_cell_runs_as_a_formula(ada: Person, formula: str) -> None:
    ada.adds(formula, description=formula)
    ada.adds("x", description=f"\t{formula}")
    ada.adds("x", description=f"  {formula}")
    ada.adds(f"1{formula}", description="\rx")
    first, tab, space, harmless = rows_of(export(ada, "csv"))
    assert (first["title"], first["description"]) == (f"'{formula}", f"'{formula}")
    assert tab["description"] == f"'\t{formula}"
    assert space["description"] == f"'  {formula}"
    assert (harmless["title"], harmless["description"]) == (f"1{formula}", "'\rx")


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ("x;=1+1", "'x;'=1+1"),
        ("x; \t@y;-1", "'x;' \t@y;'-1"),
        ('x;"=1+1;', "'x;'\"=1+1;"),
        (";\r=1", "';'\r=1"),
        ("=1;+1", "'=1;'+1"),
        ("'x;=1", "'x;'=1"),
        ("x;y = 1; z", "x;y = 1; z"),
    ],
)
def test_what_stands_behind_a_semicolon_does_not_run_as_a_formula(
    ada: Person, title: str, written: str
) -> None:
    """Where it separates cells, as in much of Europe, Excel begins one there, quoted or not."""
    ada.adds(title)
    assert rows_of(export(ada, "csv"))[0]["title"] == written


def test_a_user_id_is_no_formula_either(app: Flask) -> None:
    dash = Person(app.test_client(), "-1+1")
    dash.adds()
    assert rows_of(export(dash, "csv"))[0]["user_id"] == "'-1+1"


def test_a_calendar_takes_the_tasks(ada: Person) -> None:
    task = ada.adds(
        "Büro; a, b\\c " + "long " * 30,
        description="two\r\nlines\x01 and\ra third",
        priority="low",
        due_date="2026-12-01T10:00:00+01:00",
        completed=True,
    )
    ada.adds("plain")
    answer = export(ada, "ics")
    assert answer.content_type == "text/calendar; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="tasks.ics"'
    assert answer.data.startswith(b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:")
    assert answer.data.endswith(b"END:VCALENDAR\r\n")
    assert all(len(line) <= 75 for line in answer.data.split(b"\r\n"))
    full, plain = todos_of(answer)
    assert str(full["UID"]) == task["id"]
    assert str(full["SUMMARY"]) == task["title"]
    assert str(full["DESCRIPTION"]) == "two\nlines and\na third"
    assert (str(full["STATUS"]), int(full["PRIORITY"])) == ("COMPLETED", 9)
    assert full["DUE"].dt == datetime(2026, 12, 1, 9, tzinfo=UTC)
    assert full["COMPLETED"].dt.isoformat() == task["completed_at"][:19] + "+00:00"
    assert {"DTSTAMP", "CREATED", "LAST-MODIFIED"} <= set(full)
    assert str(plain["STATUS"]) == "NEEDS-ACTION"
    assert not {"DUE", "COMPLETED", "PRIORITY", "DESCRIPTION"} & set(plain)


@pytest.mark.parametrize("end", [*"\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029", "\r\n"])
def test_no_end_of_a_line_begins_a_line_of_the_calendars_own(ada: Person, end: str) -> None:
    ada.adds(f"Pay{end}END:VTODO", description=f"a{end}BEGIN:VALARM{end}b")
    answer = export(ada, "ics")
    assert [line for line in answer.text.splitlines() if "VALARM" in line] == [
        "DESCRIPTION:a\\nBEGIN:VALARM\\nb"
    ]
    (todo,) = todos_of(answer)
    assert (str(todo["SUMMARY"]), str(todo["DESCRIPTION"])) == ("Pay\nEND:VTODO", "a\nBEGIN:VALARM\nb")


@pytest.mark.parametrize("due", ["0001-01-01", "9999-12-31T23:59:59.999999Z"])
def test_the_first_and_the_last_date_can_be_taken_along(ada: Person, due: str) -> None:
    ada.adds(due_date=due)
    for form in ("json", "csv", "ics"):
        assert due[:4] in export(ada, form).text


def test_head_says_what_get_would(ada: Person) -> None:
    for form in ("json", "csv", "ics") * 3:
        answer = ada.call("HEAD", f"/api/account/export?format={form}")
        assert (answer.status_code, answer.data) == (200, b"")
        assert answer.content_type == export(ada, form).content_type


def test_other_forms_of_export_are_refused(ada: Person) -> None:
    assert ada.get("/api/account/export?format=xml").status_code == 400
    assert ada.get("/api/account/export?form=csv").status_code == 400


def test_an_export_that_breaks_on_the_way_is_an_error_and_not_a_part(app: Flask, ada: Person) -> None:
    ada.adds()

    def fail(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "ORDER BY tasks.id" in statement:
            raise RuntimeError

    with listening(app_engine(app), "before_cursor_execute", fail):
        assert ada.get("/api/account/export").status_code == 500
    assert body(export(ada))["tasks"]


def test_an_export_is_of_one_moment_whatever_is_written_meanwhile(app: Flask, ada: Person) -> None:
    ada.adds()
    added: list[object] = []

    def add(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "count(tasks.id)" in statement and not added:
            with ThreadPoolExecutor(1) as elsewhere:
                added.append(elsewhere.submit(ada.adds).result())

    with listening(app_engine(app), "after_cursor_execute", add):
        found = body(export(ada))
    assert added
    assert found["account"]["tasks"]["total"] == len(found["tasks"]) == 1


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
