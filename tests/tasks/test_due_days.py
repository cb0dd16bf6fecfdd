"""A day on which a task is due is that day wherever one is; a moment is the same moment (contract §3, §5)."""

import csv
import re
import time as clock
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.conftest import MakeApp
from tests.pages import walked
from tests.people import Person, body
from tests.postgres import Postgres
from tests.service import ROOT

DAY = "2026-02-10"
MIDNIGHT = "2026-02-10T00:00:00Z"


def due_dates(found: Any) -> list[str]:
    """Every `due_date` in an answer, however deep."""
    if isinstance(found, list):
        return [due for one in found for due in due_dates(one)]
    if not isinstance(found, dict):
        return []
    return [found["due_date"]] if "due_date" in found else due_dates(list(found.values()))


def test_a_day_comes_back_as_it_was_sent_in_every_answer(ada: Person) -> None:
    def create() -> TestResponse:
        sent = {"title": "Pay rent", "due_date": DAY}
        return ada.post(json=sent, headers={"Idempotency-Key": "once"})

    created = create()
    path = created.headers["Location"]
    operations = [
        {"op": "create", "task": {"title": "x", "due_date": DAY}},
        {"op": "update", "id": body(created)["id"], "task": {"description": "by transfer"}},
    ]
    answers = {
        "created": created,
        "replayed": create(),
        "read": ada.get(path),
        "put": ada.put(path, json={"title": "Pay the rent"}),
        "patched": ada.patch(path, json={"due_date": DAY}),
        "completed": ada.patch(f"{path}/complete"),
        "own id": ada.put(f"/api/tasks/{uuid4()}", json=body(created), headers={"If-None-Match": "*"}),
        "refused": ada.put(path, json={"due_date": None}, headers={"If-Match": '"0"'}),
        "batch": ada.post("/api/tasks/batch", json={"operations": operations}),
        "list": ada.get(),
        "changes": ada.get("/api/tasks/changes"),
        "export": ada.get("/api/account/export"),
    }
    for name, answer in answers.items():
        found = due_dates(body(answer))
        assert found, (name, answer.text)
        assert set(found) == {DAY}, name


def test_days_and_moments_are_exported_as_what_they_are(ada: Person) -> None:
    ada.adds(due_date=DAY)
    ada.adds(due_date=MIDNIGHT)
    ada.adds()
    rows = csv.DictReader(exported(ada, "csv").text.splitlines())
    assert [row["due_date"] for row in rows] == [DAY, MIDNIGHT, ""]
    lines = exported(ada, "ics").text.splitlines()
    assert [line for line in lines if line.startswith("DUE")] == [
        "DUE;VALUE=DATE:20260210",
        "DUE:20260210T000000Z",
    ]


def exported(person: Person, form: str) -> TestResponse:
    return person.get(f"/api/account/export?format={form}")


def test_a_day_and_the_moment_it_begins_in_utc_are_not_the_same(ada: Person) -> None:
    path = f"/api/tasks/{ada.adds(due_date=DAY)['id']}"
    revisions = []
    for due in (DAY, MIDNIGHT, "2026-02-10T01:00+01:00", DAY, None, DAY):
        task = body(ada.put(path, json={"due_date": due}))
        assert task["due_date"] == (MIDNIGHT if due and "T" in due else due)
        revisions.append(task["revision"])
    assert revisions == [1, 2, 2, 3, 4, 5]


def test_a_day_is_overdue_when_it_is_over_in_utc(ada: Person) -> None:
    today = datetime.now(UTC).date()
    for days in (-400, -1, 0, 1):
        ada.adds(due_date=str(today + timedelta(days)))
    ada.adds(due_date=str(today - timedelta(1)), completed=True)
    overdue = body(ada.get("/api/account"))["tasks"]["overdue"]
    assert overdue == 2 + (datetime.now(UTC).date() != today)  # it may have become midnight meanwhile


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("due_after=2026-02-10", "day midnight noon next night"),
        ("due_before=2026-02-11", "day midnight noon"),
        ("due_after=2026-02-10&due_before=2026-02-11", "day midnight noon"),
        ("due_after=2026-02-10T00:00:00-08:00&due_before=2026-02-11T00:00:00-08:00", "day noon night"),
        ("due_after=2026-02-10T00:00:00%2B13:00&due_before=2026-02-11T00:00:00%2B13:00", "day midnight"),
        ("due_after=2026-02-10T00:00:01", "noon next night"),
        ("due_after=2026-02-10T00:00:01-08:00", "noon next night"),
        ("due_before=2026-02-10T00:00:01%2B13:00", "day"),
        ("due_before=2026-02-10T23:59:60%2B13:00", "day midnight"),
        ("due_after=2026-02-10T23:59:60-23:59", "next"),
        ("due_before=9999-12-31T23:59:60%2B01:00", "day midnight noon next night"),
        ("due_after=9999-12-31T23:59:60%2B01:00", ""),
    ],
)
def test_a_day_is_compared_with_the_clock_of_the_bound_and_a_moment_as_a_moment(
    ada: Person, query: str, found: str
) -> None:
    ada.adds("none")
    ada.adds("next", due_date="2026-02-11")
    ada.adds("night", due_date="2026-02-11T07:59:59.999999Z")
    ada.adds("noon", due_date="2026-02-10T12:00:00Z")
    ada.adds("midnight", due_date=MIDNIGHT)
    ada.adds("day", due_date=DAY)
    assert ada.titles(f"?sort=due_date&{query}") == found.split()


def test_what_the_documentation_finds_in_three_places_is_found(ada: Person) -> None:
    ada.adds("moment", due_date="2026-12-01T20:00:00Z")
    ada.adds("day", due_date="2026-12-01")
    table = (ROOT / "docs" / "clients.md").read_text()
    starts, ends, finds = (
        [cell.strip(" `") for cell in re.findall(rf"^\| {row} \|(.*)\|$", table, re.MULTILINE)[0].split("|")]
        for row in (".*`due_after`", "and `due_before`", "finds")
    )
    assert len(finds) == 3
    for start, end, found in zip(starts, ends, finds, strict=True):
        query = urlencode({"sort": "due_date", "due_after": start, "due_before": end})
        assert ada.titles(f"?{query}") == found.split(", ")


@pytest.mark.parametrize(
    "bound",
    ["0001-01-01T00:00:00%2B00:01", "9999-12-31T23:59:59-00:01", "2026-02-30", "9999-12-31T23:59:60Z"],
)
def test_a_bound_that_is_none_is_refused(ada: Person, bound: str) -> None:
    for parameter in ("due_after", "due_before"):
        answer = ada.get(f"/api/tasks?{parameter}={bound}")
        assert answer.status_code == 400
        assert list(body(answer)["errors"]) == [parameter]


days_around = st.integers(-1, 1).map(lambda days: timedelta(days=days))
minutes_around = st.integers(-36 * 60, 60 * 60).map(
    lambda minutes: timedelta(minutes=minutes, microseconds=1)
)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def instant(due: date) -> datetime:
    return due if isinstance(due, datetime) else midnight(due)


@settings(
    max_examples=30,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    zone=st.timezones(),
    day=st.dates(date(2020, 1, 1), date(2037, 12, 31)),
    around=st.lists(days_around | minutes_around, max_size=8),
    offset=st.integers(-1439, 1439),
)
def test_what_is_due_on_a_day_is_found_in_every_zone(
    app: Flask, zone: ZoneInfo, day: date, around: list[timedelta], offset: int
) -> None:
    """Days by their date, moments by the date there; and their order is that of time, page by page."""
    ada = Person(app.test_client(), f"ada-{uuid4()}")
    elsewhere = timezone(timedelta(minutes=offset))
    dues = [
        day + one if not one.microseconds else (midnight(day) + one).astimezone(elsewhere) for one in around
    ]
    tasks = [ada.adds(str(number), due_date=due.isoformat()) for number, due in enumerate(dues)]
    start, end = (datetime.combine(day + timedelta(days=days), time(), zone).isoformat() for days in (0, 1))
    found = ada.get("/api/tasks", query_string={"due_after": start, "due_before": end})
    there = [due.astimezone(zone).date() if isinstance(due, datetime) else due for due in dues]
    expected = {task["id"] for task, one in zip(tasks, there, strict=True) if one == day}
    assert {task["id"] for task in body(found)} == expected
    ordered = sorted(zip(dues, tasks, strict=True), key=lambda pair: (instant(pair[0]), -pair[1]["revision"]))
    assert walked(ada, "/api/tasks?sort=due_date&limit=2") == [task for _, task in ordered]


@pytest.fixture
def in_another_zone(
    database_url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, make_app: MakeApp
) -> Iterator[Person]:
    """Somebody at a service whose server and whose database's sessions are set to other zones than UTC."""
    if database_url.startswith("postgresql"):
        server: Postgres = request.getfixturevalue("postgres")
        name = f"zone-{uuid4().hex}"
        database_url = server.create(name)
        server.psql(f"ALTER DATABASE \"{name}\" SET timezone = 'Asia/Tokyo'")
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    clock.tzset()
    yield Person(make_app(DATABASE_URL=database_url).test_client(), "ada")
    monkeypatch.undo()
    clock.tzset()


def test_the_zones_of_the_server_and_of_the_database_shift_nothing(in_another_zone: Person) -> None:
    dues = [DAY, "2026-02-10T14:30", "2016-12-31T23:59:60Z", "2026-02-10T00:00:00-08:00", None]
    for due in dues:
        in_another_zone.adds(due_date=due)
    tasks = body(in_another_zone.get("/api/tasks?order=asc"))
    kept = [DAY, "2026-02-10T14:30:00Z", "2017-01-01T00:00:00Z", "2026-02-10T08:00:00Z", None]
    assert [task["due_date"] for task in tasks] == kept
    for task in tasks:
        for stamp in ("created_at", "updated_at"):
            assert abs(datetime.fromisoformat(task[stamp]) - datetime.now(UTC)) < timedelta(minutes=5)
    window = "due_after=2026-02-10&due_before=2026-02-10T08:00:00.000001Z"
    assert due_dates(body(in_another_zone.get(f"/api/tasks?sort=due_date&{window}"))) == [DAY, kept[3]]
    for hours in (-1, 1):
        in_another_zone.adds(due_date=(datetime.now(UTC) + timedelta(hours=hours)).isoformat())
    assert body(in_another_zone.get("/api/account"))["tasks"]["overdue"] == 4 + 1
