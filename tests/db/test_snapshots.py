"""An answer and its version are of one moment (contract §5), whatever is written while it is made."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from flask import Flask

from tests.database_events import app_engine, listening
from tests.load import meanwhile
from tests.people import Person, body


@contextmanager
def after_each_statement(app: Flask, doing: Callable[[], object], times: int) -> Iterator[None]:
    """Let somebody else do something behind each of the first statements of a request."""
    left = times

    def do(*_: object) -> None:
        nonlocal left
        if left:
            left -= 1
            with ThreadPoolExecutor(1) as elsewhere:
                elsewhere.submit(doing).result()

    with listening(app_engine(app), "after_cursor_execute", do):
        yield


LISTS = {
    "an empty list": "/api/tasks",
    "an empty search": "/api/tasks?q=nothing",
    "an empty page of what is completed": "/api/tasks?status=completed&sort=title",
    "a list with its number": "/api/tasks?count=true&q=nothing",
}


@pytest.mark.parametrize("path", LISTS.values(), ids=LISTS)
def test_who_holds_the_etag_of_now_holds_the_list_of_now(app: Flask, ada: Person, path: str) -> None:
    with after_each_statement(app, lambda: ada.adds("nothing", completed=True), times=1):
        first = ada.get(path)
    again = ada.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 200
    assert body(first) == []
    assert [task["title"] for task in body(again)] == ["nothing"]
    assert first.headers.get("X-Total-Count", "0") == "0"


def test_the_last_page_has_the_etag_of_its_moment(app: Flask, ada: Person) -> None:
    for number in range(2):
        ada.adds(str(number))
    link = ada.get("/api/tasks?limit=1&order=asc").headers["Link"]
    path = link[1:].partition(">")[0]
    with after_each_statement(app, lambda: ada.adds("late"), times=1):
        last = ada.get(path)
    assert "late" not in last.text
    again = ada.get(path, headers={"If-None-Match": last.headers["ETag"]})
    assert "late" not in again.text or again.status_code == 200
    assert again.status_code == 200


def test_a_list_that_is_read_during_an_erasure_is_of_before_or_after(app: Flask, ada: Person) -> None:
    ada.adds()

    def erase() -> None:
        assert ada.delete("/api/account", json={"confirm": "erase"}).status_code == 204

    with after_each_statement(app, erase, times=1):
        first = ada.get(headers={"If-None-Match": '"0"'})
    again = ada.get(headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, body(again) if again.status_code == 200 else body(first)) == (
        304 if body(first) == [] else 200,
        [],
    )


def test_no_reader_ever_keeps_an_etag_that_is_newer_than_its_list(app: Flask, ada: Person) -> None:
    """As it was found: somebody's first task, a new life each time, against a reader who keeps asking."""
    kept: list[tuple[str, list[str]]] = []

    def read() -> None:
        answer = ada.get("/api/tasks?status=pending")
        kept.append((answer.headers["ETag"], [task["id"] for task in body(answer)]))

    with meanwhile(read, read):
        for _ in range(30):
            ada.adds()
            ada.delete("/api/account", json={"confirm": "erase"})
    seen: dict[str, list[str]] = {}
    for etag, ids in kept:
        assert seen.setdefault(etag, ids) == ids
