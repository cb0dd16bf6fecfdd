"""Tags: kept as they are sent, compared whatever their case."""

import csv
import io
from typing import Any

import pytest
from flask import Flask

from tests.people import Person, body
from todo_service.extensions import db


def tags_of(answer: Any) -> list[str]:
    tags: list[str] = body(answer)["tags"]
    return tags


def test_tags_are_kept_as_they_are_sent_in_their_order(ada: Person) -> None:
    sent = ["work", "Home", "später", "日本", "two words", "50%", "a_b", "'quoted'", "x;y", "🏠"]
    task = body(ada.post(json={"title": "x", "tags": sent}))
    assert task["tags"] == sent
    assert body(ada.get(f"/api/tasks/{task['id']}")) == task
    assert body(ada.get()) == [task]


@pytest.mark.parametrize("sent", [{}, {"tags": None}, {"tags": []}])
def test_a_task_without_tags_has_an_empty_array(ada: Person, sent: dict[str, Any]) -> None:
    assert tags_of(ada.post(json={"title": "x", **sent})) == []


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (["  home ", "\u3000work\n"], ["home", "work"]),
        (["Home", "HOME", "work", "home"], ["Home", "work"]),
        (["Straße", "STRASSE"], ["Straße"]),
        (["ΣΊΣΥΦΟΣ", "σίσυφος"], ["ΣΊΣΥΦΟΣ"]),
        (["café", "cafe"], ["café", "cafe"]),
        (["x" * 50], ["x" * 50]),
        ([str(number) for number in range(20)], [str(number) for number in range(20)]),
        (["\u0390" * 16], ["\u0390" * 16]),  # three characters each when folded
    ],
)
def test_tags_are_trimmed_and_of_those_that_agree_but_for_case_the_first_counts(
    ada: Person, sent: list[str], kept: list[str]
) -> None:
    assert tags_of(ada.post(json={"title": "x", "tags": sent})) == kept
    for spelling in (kept[0], kept[0].upper(), kept[0].lower()):
        assert len(body(ada.get("/api/tasks", query_string={"tag": spelling}))) == 1


@pytest.mark.parametrize(
    "value",
    [
        "home",
        {},
        1,
        True,
        [""],
        [" "],
        ["x" * 51],
        [str(number) for number in range(21)],
        ["a,b"],
        ["a\nb"],
        ["a\x00"],
        ["\x7f"],
        ["a\x85b"],
        ["\ud800"],
        [1],
        [None],
        [["home"]],
        ["home", {}],
    ],
)
def test_what_is_no_array_of_tags_is_refused_by_name(ada: Person, value: Any) -> None:
    task = ada.adds(tags=["home"])
    one = f"/api/tasks/{task['id']}"
    for answer in (
        ada.post(json={"title": "x", "tags": value}),
        ada.put(one, json={"tags": value}),
        ada.patch(one, json={"tags": value}),
    ):
        assert answer.status_code == 400
        assert list(body(answer)["errors"]) == ["tags"]
    operation = {"op": "create", "task": {"title": "x", "tags": value}}
    answer = ada.post("/api/tasks/batch", json={"operations": [operation]})
    assert "task.tags: " in body(answer)["errors"]["0"][0]
    assert body(ada.get()) == [task]


@pytest.mark.parametrize("method", ["put", "patch"])
def test_what_a_change_sends_replaces_all_tags_and_what_it_leaves_out_stays(ada: Person, method: str) -> None:
    one = f"/api/tasks/{ada.adds(tags=['home', 'work'])['id']}"
    change = getattr(ada, method)
    assert tags_of(change(one, json={"title": "y"})) == ["home", "work"]
    assert tags_of(change(one, json={"tags": ["work", "new"]})) == ["work", "new"]
    assert (ada.titles("?tag=new"), ada.titles("?tag=home")) == (["y"], [])
    assert tags_of(change(one, json={"tags": ["WORK"]})) == ["WORK"]
    assert tags_of(change(one, json={"tags": None})) == []
    assert ada.titles("?tag=work") == []


def test_the_same_tags_again_change_nothing(ada: Person) -> None:
    task = ada.adds(tags=["Home", "work"])
    again = ada.put(f"/api/tasks/{task['id']}", json={"tags": [" Home ", "work", "HOME"]})
    assert body(again) == task


def test_a_filter_finds_tasks_that_have_any_of_its_tags_whatever_the_case(ada: Person, bob: Person) -> None:
    bob.adds("bob's", tags=["home"])
    for title, tags in (
        ("a", ["Home"]),
        ("b", ["work", "HOME"]),
        ("c", ["homework"]),
        ("d", []),
        ("e", ["50%"]),
    ):
        ada.adds(title, tags=tags)
    assert sorted(ada.titles("?tag=home")) == ["a", "b"]
    assert sorted(ada.titles("?tag=hOmE,Homework")) == ["a", "b", "c"]
    assert sorted(ada.titles("?tag=work&tag=50%25")) == ["b", "e"]
    assert ada.titles("?tag=%25") == ada.titles("?tag=nothing") == ada.titles("?tag=hom_") == []
    assert sorted(ada.titles("?tag=home&q=b")) == ["b"]
    assert len(ada.titles("?tag=")) == 5


def test_a_filter_pages_and_counts_and_its_cursor_is_of_it_alone(ada: Person) -> None:
    for number in range(5):
        ada.adds(f"{number}", tags=["odd" if number % 2 else "even"])
    first = ada.get("/api/tasks?tag=even&limit=2&count=true")
    assert first.headers["X-Total-Count"] == "3"
    (link,) = first.headers.getlist("Link")
    target = link[1 : link.index(">")]
    assert [task["title"] for task in body(ada.get(target))] == ["0"]
    assert ada.get(target.replace("even", "odd")).status_code == 400
    assert ada.get(target.replace("tag=even", "tag=EVEN")).status_code == 200


@pytest.mark.parametrize("tag", ["a,,b", "%20", "x" * 51, "a%00", "a%0Ab", ",".join(map(str, range(51)))])
def test_what_is_no_tag_is_no_filter(ada: Person, tag: str) -> None:
    answer = ada.get(f"/api/tasks?tag={tag}")
    assert answer.status_code == 400
    assert list(body(answer)["errors"]) == ["tag"]


def test_tags_are_listed_with_how_many_tasks_have_each_by_the_newest_spelling(
    ada: Person, bob: Person
) -> None:
    assert body(ada.get("/api/tasks/tags")) == []
    bob.adds(tags=["bobs"])
    done = ada.adds(tags=["Work", "home"])
    ada.adds(tags=["WORK"])
    gone = ada.adds(tags=["work", "gone"])
    ada.patch(f"/api/tasks/{done['id']}/complete")
    ada.delete(f"/api/tasks/{gone['id']}")
    assert body(ada.get("/api/tasks/tags/")) == [
        {"tag": "home", "tasks": 1, "pending": 0},
        {"tag": "Work", "tasks": 2, "pending": 1},
    ]


def test_the_list_of_tags_takes_no_parameters(ada: Person) -> None:
    assert list(body(ada.get("/api/tasks/tags?limit=1"))["errors"]) == ["limit"]


def test_every_device_hears_of_tags(ada: Person) -> None:
    token = body(ada.get("/api/tasks/changes"))["token"]
    task = ada.adds(tags=["home"])
    (change,) = body(ada.get(f"/api/tasks/changes?since={token}"))["changes"]
    assert change == {"type": "upsert", "task": task}


def test_exports_take_tags_along(ada: Person) -> None:
    task = ada.adds(tags=["home", "a;b\u2028c", "=1+1"])
    assert body(ada.get("/api/account/export"))["tasks"] == [task]
    sheet = ada.get("/api/account/export?format=csv").data.decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(sheet))
    assert row["tags"] == "home, a;b\u2028c, =1+1"
    calendar = ada.get("/api/account/export?format=ics").data.decode().replace("\r\n ", "")
    assert r"CATEGORIES:home,a\;b\nc,=1+1" in calendar


def test_a_cell_of_tags_is_no_formula(ada: Person) -> None:
    ada.adds(tags=["=1+1", "x"])
    sheet = ada.get("/api/account/export?format=csv").data.decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(sheet))
    assert row["tags"] == "'=1+1, x"


def test_what_a_version_without_tags_writes_has_none(ada: Person, app: Flask) -> None:
    ada.adds()
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO tasks (user_id, id, title, title_key, search_text, completed, created_at, "
            "updated_at, revision) VALUES ('ada', '019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11', 'old', 'old', "
            "'old', false, '2026-01-01 00:00:00', '2026-01-01 00:00:00', 2)"
        )
    assert [task["tags"] for task in body(ada.get())] == [[], []]
