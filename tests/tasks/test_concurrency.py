"""What holds when many write at once: nothing is lost, doubled, skipped or stuck."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import count
from random import Random
from threading import Event
from typing import Any
from uuid import UUID

import httpx
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.load import at_once, meanwhile
from tests.mirror import Mirror
from tests.pages import pages
from tests.people import Person, body
from tests.service import Service

# Clients made these ids; both users have tasks under them.
CLIENTS_IDS = [str(UUID(int=number)) for number in range(1, 13)]
ROUNDS = 10


def statuses(answers: list[httpx.Response]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


# ---- reading while others write


class Visitor:
    """Adds tasks before, between and behind those that stay, and edits and deletes them again."""

    def __init__(self, person: Person, residents: list[str], random: Random) -> None:
        self.person, self.residents, self.random = person, residents, random
        self.guests: list[str] = []
        self.was_here = Event()

    def __call__(self) -> None:
        self.guests.append(self.person.adds(**task_anywhere(self.random))["id"])
        self.edit(self.random.choice(self.guests), task_anywhere(self.random))
        self.edit(self.random.choice(self.residents), {"description": f"edited at {self.random.random()}"})
        if len(self.guests) > 10:
            gone = self.guests.pop(self.random.randrange(10))
            assert self.person.delete(f"/api/tasks/{gone}").status_code == 204
        self.was_here.set()

    def edit(self, task: str, fields: dict[str, Any]) -> None:
        assert self.person.put(f"/api/tasks/{task}", json=fields).status_code == 200

    def await_next_round(self) -> None:
        self.was_here.clear()
        assert self.was_here.wait(30), "nobody writes any more"


def task_anywhere(random: Random) -> dict[str, Any]:
    """A task that may come anywhere in a list by title, priority or due date."""
    return {
        "title": f"{random.choice('abcdef')} {random.randrange(100)}",
        "priority": random.choice([None, "low", "medium", "high"]),
        "due_date": random.choice([None, "2026-02-10T14:30:00Z", f"2026-03-{random.randrange(1, 29):02}"]),
    }


@pytest.mark.pooled
@pytest.mark.parametrize(
    "order",
    [
        "sort=created",
        "sort=created&order=asc",
        "sort=title",
        "sort=title&order=desc",
        "sort=due_date",
        "sort=priority&order=asc",
        "sort=priority,due_date,title&order=desc,desc",
    ],
)
def test_each_task_that_stays_is_on_one_page_exactly(app: Flask, order: str) -> None:
    random, reader = Random(order), Person(app.test_client(), "ada")
    residents = [reader.adds(**task_anywhere(random))["id"] for _ in range(40)]
    visitor = Visitor(Person(app.test_client(), "ada"), residents, random)
    with meanwhile(visitor):
        for _ in range(3):
            shown: Counter[str] = Counter()
            for page in pages(reader, f"/api/tasks?{order}&limit=5"):
                shown.update(task["id"] for task in page)
                visitor.await_next_round()
            assert {task: shown[task] for task in residents} == dict.fromkeys(residents, 1)


@pytest.mark.pooled
def test_who_follows_the_changes_of_eight_writers_ends_with_their_list(app: Flask) -> None:
    for run in range(50):
        user, mirror = f"ada-{run}", Mirror()
        reader = Person(app.test_client(), user)
        writers = [Person(app.test_client(), user) for _ in range(8)]
        with meanwhile(partial(mirror.take_page, reader, 3)):
            at_once(8, partial(write_a_little, writers))
        mirror.catch_up(reader, 3)
        assert mirror.equals_the_list(reader)


def write_a_little(writers: list[Person], writer: int) -> None:
    person = writers[writer]
    new = partial(person.post, json={"title": f"of {writer}"})
    first, second = (f"/api/tasks/{body(persistently(new, 201))['id']}" for _ in range(2))
    persistently(partial(person.patch, f"{first}/complete"), 200)
    persistently(partial(person.delete, second), 204)
    persistently(partial(person.put, first, json={"title": f"last of {writer}"}), 200)


def persistently(write: Callable[[], TestResponse], status: int) -> TestResponse:
    """Write as a client does that was told to come back: SQLite's writers sleep rather than queue."""
    while (answer := write()).status_code == 503:
        pass
    assert answer.status_code == status, answer.text
    return answer


# ---- writing at once, to two processes


def added(service: Service, title: str = "Pay rent") -> dict[str, Any]:
    answer = service.call("ada", "POST", json={"title": title})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.mark.pooled
def test_of_fifty_writes_that_suppose_one_revision_one_succeeds(service: Service) -> None:
    task = added(service)
    path, if_match = f"/api/tasks/{task['id']}", {"If-Match": f'"{task["revision"]}"'}
    answers = at_once(
        50,
        lambda writer: service.call("ada", "PUT", path, json={"title": f"by {writer}"}, headers=if_match),
    )
    assert statuses(answers) == {200: 1, 412: 49}
    winner = next(answer.json() for answer in answers if answer.status_code == 200)
    assert service.call("ada", "GET", path).json() == winner
    assert [answer.json()["current"] for answer in answers if answer.status_code == 412] == [winner] * 49


@pytest.mark.pooled
@pytest.mark.parametrize("times", [49, 50])
def test_no_toggle_is_lost(service: Service, times: int) -> None:
    task = added(service)
    path = f"/api/tasks/{task['id']}"
    answers = at_once(times, lambda _: service.call("ada", "PATCH", f"{path}/complete"))
    assert statuses(answers) == {200: times}
    in_order = sorted((answer.json() for answer in answers), key=lambda toggled: int(toggled["revision"]))
    assert [toggled["completed"] for toggled in in_order] == [number % 2 == 0 for number in range(times)]
    assert service.call("ada", "GET", path).json() == in_order[-1]


def create_once(service: Service, title: str) -> httpx.Response:
    return service.call("ada", "POST", json={"title": title}, headers={"Idempotency-Key": "the-same"})


@pytest.mark.pooled
def test_twenty_identical_requests_with_one_key_make_one_task(service: Service) -> None:
    answers = at_once(20, lambda _: create_once(service, "Pay rent"))
    assert statuses(answers) == {201: 20}
    assert len({answer.content for answer in answers}) == 1
    assert len({(answer.headers["ETag"], answer.headers["Location"]) for answer in answers}) == 1
    assert sum(answer.headers.get("Idempotency-Replayed") == "true" for answer in answers) == 19
    assert service.call("ada", "GET").json() == [answers[0].json()]


def test_twenty_identical_toggles_with_one_key_toggle_once(service: Service) -> None:
    path, key = f"/api/tasks/{added(service)['id']}/complete", {"Idempotency-Key": "the-same"}
    answers = at_once(20, lambda _: service.call("ada", "PATCH", path, headers=key))
    assert statuses(answers) == {200: 20}
    assert {(answer.json()["completed"], answer.json()["revision"]) for answer in answers} == {(True, 2)}
    assert sum(answer.headers.get("Idempotency-Replayed") == "true" for answer in answers) == 19


@pytest.mark.pooled
def test_of_twenty_different_requests_with_one_key_one_is_done(service: Service) -> None:
    answers = at_once(20, lambda writer: create_once(service, f"by {writer}"))
    assert statuses(answers) == {201: 1, 422: 19}
    made = next(answer.json() for answer in answers if answer.status_code == 201)
    assert service.call("ada", "GET").json() == [made]


class Editor:
    """Gives all tasks of a user another title in one batch, each editor in an order of its own.

    Some batches end with an operation that may fail: they suppose a revision, or delete a task that
    others make and delete, too.
    """

    def __init__(self, service: Service, user: str, random: Random) -> None:
        self.service, self.user, self.random = service, user, random
        self.ids = random.sample(CLIENTS_IDS, len(CLIENTS_IDS))
        self.contested = iter(str(UUID(int=number)) for number in count(100))
        self.answers: Counter[tuple[str, int]] = Counter()

    def __call__(self) -> None:
        title, contested = f"edit {self.random.random()}", next(self.contested)
        self.note("make", make(self.service, self.user, contested))
        edits = [{"op": "update", "id": task, "task": {"title": title}} for task in self.ids]
        self.run("edit", edits)
        self.run("guess", [*edits, {"op": "complete", "id": self.ids[0], "completed": True, "if_match": 1}])
        self.run("delete", [*edits, {"op": "delete", "id": contested}])
        titles = {task["title"] for task in self.service.call(self.user, "GET").json()}
        assert len(titles - {"new"}) == 1, "half of a batch shows"

    def run(self, kind: str, operations: list[dict[str, Any]]) -> None:
        json = {"operations": operations}
        self.note(kind, self.service.call(self.user, "POST", "/api/tasks/batch", json=json))

    def note(self, kind: str, answer: httpx.Response) -> None:
        assert (kind, answer.status_code) in EXPECTED, answer.text
        self.answers[kind, answer.status_code] += 1


def make(service: Service, user: str, task: str) -> httpx.Response:
    headers = {"If-None-Match": "*"}
    return service.call(user, "PUT", f"/api/tasks/{task}", json={"title": "new"}, headers=headers)


EXPECTED = {
    ("edit", 200),
    ("guess", 412),
    ("delete", 200),
    ("delete", 404),
    ("make", 201),
    ("make", 410),
    ("make", 412),
}


@pytest.mark.pooled
def test_batches_that_oppose_each_other_neither_block_nor_break_each_other(service: Service) -> None:
    editors = [Editor(service, user, Random(f"{user} {n}")) for user in ("ada", "bob") for n in range(4)]
    for user in ("ada", "bob"):
        for task in CLIENTS_IDS:
            assert make(service, user, task).status_code == 201
    with meanwhile(*editors):
        service.wait_until(lambda: all(editor.answers["edit", 200] >= ROUNDS for editor in editors), 120)
