"""The account, to take along (contract §8)."""

import codecs
import csv
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from icalendar import Calendar
from werkzeug.test import TestResponse

from tests.database_events import app_engine, listening
from tests.people import Person, body
from todo_service.account.views import CHUNK


def export(person: Person, form: str = "") -> TestResponse:
    answer = person.get(f"/api/account/export?format={form}")
    assert answer.status_code == 200, answer.text
    return answer


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
