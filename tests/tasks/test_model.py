"""Whatever two people do in whatever order, the service stays what a few dictionaries are.

Hypothesis makes up the requests. Each is sent over HTTP and done to the model below as well; after each
one everything that can be read of the service has to agree with the model.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import zip_longest
from random import Random
from typing import Any
from unicodedata import normalize
from urllib.parse import urlencode

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from werkzeug.test import TestResponse

from tests.conftest import forget_everything
from tests.mirror import Mirror
from tests.people import Person, body, list_tag

Task = dict[str, Any]
Fields = dict[str, Any]
Operation = dict[str, Any]

CLIENTS_IDS = [f"019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a1{digit}" for digit in range(3)]
NOBODYS = "019aa0c4-6a1e-7c3b-9d2f-ffffffffffff"

# So few that they often meet: equal ones, and such as differ by case or only look like patterns.
TITLES = [
    "Pay rent",
    "pay RENT",
    "Straße 7",
    "STRASSE 7",
    "100 %",
    "1000",
    "a_b",
    "axb",
    "Äpfel",
    "apfel",
    "zebra",
]
DESCRIPTIONS = [None, "", "by transfer", "RENT of May"]
PRIORITIES = [None, "low", "medium", "high"]
DUE_DATES = [
    None,
    "2026-02-10T14:30:00Z",
    "2026-02-11",
    "2026-02-11T00:00:00Z",
    "2026-02-12",
    "2026-12-01T09:00:00.250000Z",
]
BOUNDS = [*DUE_DATES, None, "2026-02-11T00:00:00-08:00", "2026-02-12T00:00:00+13:00"]
WORDS = ["rent", "RENT pay", "strasse", "%", "_", "ä", "transfer a", "nowhere"]

DEFAULTS: Fields = {"description": None, "completed": False, "priority": None, "due_date": None}
RANKS = {"low": 1, "medium": 2, "high": 3}


class Refused(Exception):
    """The service has to answer with this status, and change nothing; a 412 shows the task as it is."""

    def __init__(self, status: int, current: Task | None = None) -> None:
        super().__init__(status)
        self.status, self.current = status, current


@dataclass
class Account:
    """What one person has: the tasks by their ids, the ids of deleted ones, the number of the last change."""

    user: str
    tasks: dict[str, Task] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    revision: int = 0
    others: "list[Account]" = field(default_factory=list)

    def find(self, id: str, tags: Iterable[int] | None = None) -> Task:
        """The task of this id, which must have one of the revisions, if any are named."""
        if id not in self.tasks:
            is_anothers = id not in self.gone and any(id in other.tasks for other in self.others)
            raise Refused(403 if is_anothers else 404)
        if tags is not None and self.tasks[id]["revision"] not in tags:
            raise Refused(412, self.tasks[id])
        return self.tasks[id]

    def create(self, id: str, fields: Fields, moment: str) -> Task:
        if id in self.tasks:
            raise Refused(412, self.tasks[id])
        if id in self.gone:
            raise Refused(410)
        stamps = {"created_at": moment, "updated_at": moment, "completed_at": None}
        return self.put({"id": id, "user_id": self.user} | DEFAULTS | stamps, fields, moment)

    def change(self, task: Task, fields: Fields, moment: str) -> Task:
        differs = any(task[name] != value for name, value in fields.items())
        return self.put(task, fields, moment) if differs else task

    def put(self, task: Task, fields: Fields, moment: str) -> Task:
        """Keep a task with these members replaced, as one change."""
        self.revision += 1
        changed = task | fields | {"updated_at": moment, "revision": self.revision}
        if changed["completed"] != task["completed"]:
            changed["completed_at"] = moment if changed["completed"] else None
        self.tasks[task["id"]] = changed
        return changed

    def delete(self, id: str, tags: Iterable[int] | None = None) -> None:
        self.find(id, tags)
        del self.tasks[id]
        self.gone |= {id}
        self.revision += 1

    def clear(self) -> int:
        """Forget the completed tasks, which is one change however many they are."""
        completed = [task for task in self.tasks.values() if task["completed"]]
        for task in completed:
            del self.tasks[task["id"]]
        self.gone |= {task["id"] for task in completed}
        self.revision += bool(completed)
        return len(completed)

    def perform(self, operations: list[Operation], new_ids: Iterator[str], moment: str) -> list[Any]:
        """All operations of a batch, or none."""
        draft = replace(self, tasks=dict(self.tasks))
        try:
            results = [draft.perform_one(operation, new_ids, moment) for operation in operations]
        except Refused as refused:  # what came before it in the batch has not happened either
            current = refused.current and self.tasks.get(refused.current["id"])
            raise Refused(refused.status, current) from refused
        self.tasks, self.gone, self.revision = draft.tasks, draft.gone, draft.revision
        return results

    def perform_one(self, operation: Operation, new_ids: Iterator[str], moment: str) -> Any:
        if operation["op"] == "create":
            told = next(new_ids, f"the id of {self.revision + 1}")  # of a batch that fails none is told
            new_id = operation.get("id", told)
            return {"status": 201, "task": self.create(new_id, operation["task"], moment)}
        task = self.find(operation["id"], [operation["if_match"]] if "if_match" in operation else None)
        if operation["op"] == "delete":
            self.delete(task["id"])
            return {"status": 204}
        fields = operation.get("task", {"completed": operation.get("completed")})
        return {"status": 200, "task": self.change(task, fields, moment)}


@dataclass
class Search:
    """A way to ask for the list, and what it should find."""

    sort: list[str]
    order: list[str]
    status: str
    priorities: list[str]
    due_after: str | None
    due_before: str | None
    words: str

    @classmethod
    def at(cls, random: Random) -> "Search":
        sort = random.sample(list(SORTS), random.randint(0, 3))
        return cls(
            sort=sort,
            order=[random.choice(["asc", "desc"]) for _ in range(random.randint(0, len(sort)))],
            status=random.choice(["all", "pending", "completed"]),
            priorities=random.sample(["low", "medium", "high", "none"], random.choice([0, 0, 2, 3])),
            due_after=random.choice(BOUNDS),
            due_before=random.choice(BOUNDS),
            words=random.choice(["", "", *WORDS]),
        )

    def query(self, **more: Any) -> str:
        """The query string; parameters without a value count as absent."""
        parameters = {
            "sort": ",".join(self.sort),
            "order": ",".join(self.order),
            "status": self.status,
            "priority": ",".join(self.priorities),
            "due_after": self.due_after or "",
            "due_before": self.due_before or "",
            "q": self.words,
        }
        return urlencode(parameters | more)

    def finds(self, task: Task) -> bool:
        due = task["due_date"]
        texts = [plain(task["title"]), plain(task["description"] or "")]
        return (
            self.status in ("all", "completed" if task["completed"] else "pending")
            and (not self.priorities or (task["priority"] or "none") in self.priorities)
            and (not self.due_after or bool(due and not is_due_before(due, self.due_after)))
            and (not self.due_before or bool(due and is_due_before(due, self.due_before)))
            and all(any(word in text for text in texts) for word in plain(self.words).split())
        )

    def results(self, tasks: Iterable[Task]) -> list[Task]:
        """The tasks found: sorted by the last key first, since Python's sort keeps the order of equals."""
        found = sorted(filter(self.finds, tasks), key=created, reverse=True)
        for name, direction in reversed(list(zip_longest(self.sort, self.order))):
            key, natural = SORTS[name]
            valued = [task for task in found if key(task) is not None]
            valueless = [task for task in found if key(task) is None]
            found = sorted(valued, key=key, reverse=(direction or natural) == "desc") + valueless
        return found


def plain(text: str) -> str:
    """A text without case and accents, of those that occur here."""
    return normalize("NFD", text.casefold()).replace("\u0308", "")


def instant(text: str) -> datetime:
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def is_due_before(due: str, bound: str) -> bool:
    """Moments are compared as such, a day with what the bound's own clock shows."""
    if "T" in due:
        return instant(due) < instant(bound)
    return datetime.fromisoformat(due) < datetime.fromisoformat(bound).replace(tzinfo=None)


def created(task: Task) -> tuple[datetime, str]:
    return instant(task["created_at"]), task["id"]


# What each sort key compares, and its natural direction.
SORTS: dict[str, tuple[Any, str]] = {
    "created": (created, "desc"),
    "updated": (lambda task: task["revision"], "desc"),
    "title": (lambda task: plain(task["title"]), "asc"),
    "due_date": (lambda task: task["due_date"] and instant(task["due_date"]), "asc"),
    "priority": (lambda task: RANKS.get(task["priority"]), "desc"),
}


@dataclass
class Seat:
    """A person with what they should have, and what their devices knew at one time or another."""

    person: Person
    account: Account
    mirrors: list[Mirror] = field(default_factory=lambda: [Mirror()])
    known_revision: int = 0


@dataclass(frozen=True)
class Sent:
    """A request that may be sent again, to the byte."""

    user: str
    path: str
    key: str | None
    payload: str

    @property
    def place(self) -> tuple[str, str, str | None]:
        return self.user, self.path, self.key


users = st.sampled_from(["ada", "bob"])
keys = st.none() | st.sampled_from(["one", "two", "three"])
members = {
    "description": st.sampled_from(DESCRIPTIONS),
    "completed": st.booleans(),
    "priority": st.sampled_from(PRIORITIES),
    "due_date": st.sampled_from(DUE_DATES),
}
titles = st.sampled_from(TITLES)
new_fields = st.fixed_dictionaries({"title": titles}, optional=members)
some_fields = st.fixed_dictionaries({}, optional={"title": titles, **members})

# If-Match as it may be written, and how far it is from the revision that the task has.
conditions = st.sampled_from(
    [("", 0), ("", 0), ("*", 0), ('"{}"', 0), ('W/"{}"', 0), ('"0", "{}-gzip"', 0), ('"{}"', -1), ('"{}"', 1)]
)


class TwoPeople(RuleBasedStateMachine):
    """Ada and Bob at the same service, and the model of what each should have."""

    ids = Bundle("ids")
    # A task by its place among one's own, or by an id that anybody's may have, have had, or never had.
    tasks = st.integers(0, 9) | st.integers(0, 9) | ids
    operations = st.lists(
        st.one_of(
            st.fixed_dictionaries({"op": st.just("create"), "task": new_fields}, optional={"id": ids}),
            st.fixed_dictionaries(
                {"op": st.just("update"), "id": tasks, "task": some_fields},
                optional={"if_match": st.sampled_from([0, 0, 1])},
            ),
            st.fixed_dictionaries(
                {"op": st.just("complete"), "id": tasks, "completed": st.booleans()},
                optional={"if_match": st.sampled_from([0, 0, 1])},
            ),
            st.fixed_dictionaries(
                {"op": st.just("delete"), "id": tasks},
                optional={"if_match": st.sampled_from([0, 0, -1])},
            ),
        ),
        min_size=1,
        max_size=5,
    )

    def __init__(self, app: Flask) -> None:
        super().__init__()
        forget_everything(app)
        ada, bob = Account("ada"), Account("bob")
        ada.others, bob.others = [bob], [ada]
        self.seats = {
            account.user: Seat(Person(app.test_client(), account.user), account) for account in (ada, bob)
        }
        self.sent: list[Sent] = []
        self.kept: dict[tuple[str, str, str | None], tuple[str, TestResponse]] = {}

    @initialize(target=ids, random=st.randoms(use_true_random=True))
    def choose_ids(self, random: Random) -> MultipleResults[str]:
        self.random = random  # what the reads after each step choose by; Hypothesis chooses the seed
        return multiple(*CLIENTS_IDS, NOBODYS)

    # ---- what people do

    @rule(target=ids, user=users, fields=new_fields, key=keys)
    def create(self, user: str, fields: Fields, key: str | None) -> MultipleResults[str]:
        return self.send(Sent(user, "/api/tasks", key, json.dumps(fields)))

    @rule(target=ids, user=users, operations=operations, key=keys)
    def run_batch(self, user: str, operations: list[Operation], key: str | None) -> MultipleResults[str]:
        account = self.seats[user].account
        aimed = [self.aimed(account, operation) for operation in operations]
        return self.send(Sent(user, "/api/tasks/batch", key, json.dumps({"operations": aimed})))

    @rule(target=ids, number=st.integers(0, 99))
    def send_again(self, number: int) -> MultipleResults[str]:
        return self.send(self.sent[number % len(self.sent)]) if self.sent else multiple()

    @rule(user=users, id=ids, fields=new_fields)
    def create_under_an_own_id(self, user: str, id: str, fields: Fields) -> None:
        seat = self.seats[user]
        answer = seat.person.put(f"/api/tasks/{id}", json=fields, headers={"If-None-Match": "*"})
        agree(answer, 201, lambda: seat.account.create(id, fields, moment_of(answer)))

    @rule(
        user=users,
        method=st.sampled_from(["PUT", "PATCH"]),
        task=tasks,
        fields=some_fields,
        condition=conditions,
    )
    def edit(
        self, user: str, method: str, task: int | str, fields: Fields, condition: tuple[str, int]
    ) -> None:
        seat, task_id, headers, tags = self.aim(user, task, condition)
        answer = seat.person.call(method, f"/api/tasks/{task_id}", json=fields, headers=headers)
        agree(
            answer,
            200,
            lambda: seat.account.change(seat.account.find(task_id, tags), fields, moment_of(answer)),
        )

    @rule(user=users, task=tasks, completed=st.none() | st.booleans(), condition=conditions)
    def complete(
        self, user: str, task: int | str, completed: bool | None, condition: tuple[str, int]
    ) -> None:
        seat, task_id, headers, tags = self.aim(user, task, condition)
        sent = {} if completed is None else {"json": {"completed": completed}}
        answer = seat.person.patch(f"/api/tasks/{task_id}/complete", headers=headers, **sent)

        def set_or_toggle() -> Task:
            before = seat.account.find(task_id, tags)
            after = not before["completed"] if completed is None else completed
            return seat.account.change(before, {"completed": after}, moment_of(answer))

        agree(answer, 200, set_or_toggle)

    @rule(user=users, task=tasks, condition=conditions)
    def delete(self, user: str, task: int | str, condition: tuple[str, int]) -> None:
        seat, task_id, headers, tags = self.aim(user, task, condition)
        answer = seat.person.delete(f"/api/tasks/{task_id}", headers=headers)
        agree(answer, 204, lambda: seat.account.delete(task_id, tags))

    @rule(user=users)
    def clear_completed(self, user: str) -> None:
        seat = self.seats[user]
        answer = seat.person.delete("/api/tasks?status=completed")
        agree(answer, 200, lambda: {"deleted": seat.account.clear()})

    # ---- how it is sent

    def aim(
        self, user: str, task: int | str, condition: tuple[str, int]
    ) -> tuple[Seat, str, dict[str, str], list[int] | None]:
        """The seat, the task's id, the header with the condition, and the revisions that it allows."""
        seat, (form, distance) = self.seats[user], condition
        task_id = own(seat.account, task)
        revision = revision_of(seat.account, task_id) + distance
        headers = {"If-Match": form.format(revision)} if form else {}
        return seat, task_id, headers, [revision] if "{}" in form else None

    def aimed(self, account: Account, operation: Operation) -> Operation:
        """The operation with ids and revisions in the place of places and distances."""
        if operation["op"] == "create":
            return operation
        aimed = operation | {"id": own(account, operation["id"])}
        if "if_match" in operation:
            aimed["if_match"] += revision_of(account, aimed["id"])
        return aimed

    def send(self, request: Sent) -> MultipleResults[str]:
        """Send what may be sent again; return the ids of the tasks that it made."""
        seat = self.seats[request.user]
        headers = {"Idempotency-Key": request.key} if request.key else {}
        answer = seat.person.post(
            request.path, data=request.payload, content_type="application/json", headers=headers
        )
        if request.place in self.kept:
            self.agree_with_the_first(request, answer)
            return multiple()
        self.sent.append(request)
        agree(answer, *self.done_to(seat.account, request, answer))
        if request.key and answer.status_code < 300:
            self.kept[request.place] = (request.payload, answer)
        return multiple(*ids_made_by(answer))

    def done_to(self, account: Account, request: Sent, answer: TestResponse) -> tuple[int, Any]:
        """The status of a success, and the same as the request done to the model."""
        new_ids, moment, payload = iter(ids_made_by(answer)), moment_of(answer), json.loads(request.payload)
        if request.path == "/api/tasks":
            return 201, lambda: account.create(next(new_ids, ""), payload, moment)
        return 200, lambda: {"results": account.perform(payload["operations"], new_ids, moment)}

    def agree_with_the_first(self, request: Sent, answer: TestResponse) -> None:
        payload, first = self.kept[request.place]
        if payload != request.payload:
            assert answer.status_code == 422, answer.text
            return
        assert answer.headers.get("Idempotency-Replayed") == "true"
        for name in ("ETag", "Location", "Content-Type"):
            assert answer.headers.get(name) == first.headers.get(name)
        assert (answer.status_code, answer.data) == (first.status_code, first.data)

    # ---- what there is to see after each step, to one of the two or to both

    def somebody(self) -> Seat:
        return self.random.choice(list(self.seats.values()))

    @invariant()
    def a_list_is_as_asked_for(self) -> None:
        seat, search, limit = self.somebody(), Search.at(self.random), self.random.choice([2, 5, 1000])
        expected = search.results(seat.account.tasks.values())
        first = seat.person.get(f"/api/tasks?{search.query(limit=limit, count='true')}")
        assert list(all_pages(seat.person, first)) == expected, search
        assert first.headers["X-Total-Count"] == str(len(expected))
        assert first.headers["ETag"] == list_tag(seat.account.user, seat.account.revision)

    @invariant()
    def a_list_is_sent_again_only_if_its_owner_has_changed_something(self) -> None:
        for seat in self.seats.values():
            known, seat.known_revision = seat.known_revision, seat.account.revision
            again = seat.person.get(headers={"If-None-Match": list_tag(seat.account.user, known)})
            assert again.status_code == (304 if known == seat.account.revision else 200)
            assert again.headers["ETag"] == list_tag(seat.account.user, seat.account.revision)

    @invariant()
    def a_task_can_be_read_by_its_owner_only(self) -> None:
        seat = self.somebody()
        everybodys = [task_id for one in self.seats.values() for task_id in one.account.tasks]
        chosen = self.random.choice([NOBODYS, *everybodys])
        agree(seat.person.get(f"/api/tasks/{chosen}"), 200, partial(seat.account.find, chosen))

    @invariant()
    def a_task_is_sent_again_only_if_it_has_changed(self) -> None:
        seat = self.somebody()
        for task in self.random.sample(list(seat.account.tasks.values()), min(1, len(seat.account.tasks))):
            known = task["revision"] - self.random.choice([0, 1])
            headers = {"If-None-Match": f'W/"{known}"'}
            again = seat.person.get(f"/api/tasks/{task['id']}", headers=headers)
            assert again.status_code == (304 if known == task["revision"] else 200)
            assert_tagged(again, task["revision"])

    @invariant()
    def whoever_follows_the_changes_has_the_list(self) -> None:
        """Be it a new device, one that has been following, or one that comes back after a long time."""
        seat, limit = self.somebody(), self.random.choice([1, 3, 1000, 1000])
        device = self.random.choice([Mirror(), seat.mirrors[-1], self.random.choice(seat.mirrors)]).copy()
        device.catch_up(seat.person, limit)
        assert device.tasks == seat.account.tasks

    @invariant()
    def whoever_follows_now_and_then_is_not_led_astray(self) -> None:
        """One device asks at some steps, and so begins, falls behind and goes on as others write."""
        seat, limit = self.somebody(), self.random.choice([1, 1, 2, 1000])
        device = seat.mirrors[-1].copy()
        device.take_page(seat.person, limit)
        assert device.behind or device.tasks == seat.account.tasks
        seat.mirrors.append(device)


def own(account: Account, task: int | str) -> str:
    """The id of a task that is named by its place among the account's, or by an id already."""
    if isinstance(task, str):
        return task
    return list(account.tasks)[task % len(account.tasks)] if account.tasks else NOBODYS


def revision_of(account: Account, id: str) -> int:
    return int(account.tasks[id]["revision"]) if id in account.tasks else 1


def tasks_in(answer: TestResponse) -> list[Task]:
    """The tasks in the answer to a write, in their order."""
    results = body(answer).get("results", [{"task": body(answer)}]) if answer.status_code < 300 else []
    return [result["task"] for result in results if "task" in result]


def moment_of(answer: TestResponse) -> str:
    """When the write happened, if it changed a task: what tells is its last change."""
    changed = max(tasks_in(answer), key=lambda task: int(task["revision"]), default=None)
    return str(changed["updated_at"]) if changed else ""


def ids_made_by(answer: TestResponse) -> list[str]:
    results = body(answer).get("results", [{"status": answer.status_code, "task": body(answer)}])
    return [result["task"]["id"] for result in results if result["status"] == 201]


def agree(answer: TestResponse, status: int, doing: Callable[[], Any]) -> None:
    """Let the model do what was asked of the service: both must come to the same."""
    expected, refusal = attempt(doing)
    if refusal:
        assert answer.status_code == refusal.status, answer.text
        assert body(answer).get("current") == refusal.current
        return
    assert answer.status_code == status, answer.text
    assert answer.json == expected if expected is not None else answer.data == b""
    if expected and "revision" in expected:
        assert_tagged(answer, expected["revision"])


def attempt(doing: Callable[[], Any]) -> tuple[Any, Refused | None]:
    """What the model comes to: a result or a refusal."""
    try:
        return doing(), None
    except Refused as refused:
        return None, refused


def assert_tagged(answer: TestResponse, revision: int) -> None:
    assert answer.headers.get("ETag") == f'"{revision}"'


def all_pages(person: Person, answer: TestResponse) -> Iterator[Task]:
    """The tasks of this page of a list and of those that its links lead to."""
    assert answer.status_code == 200, answer.text
    yield from body(answer)
    while link := answer.headers.get("Link"):
        answer = person.get(link.removeprefix("<").partition(">")[0])
        assert answer.status_code == 200, answer.text
        assert body(answer), "a link to a page without tasks"
        yield from body(answer)


@pytest.mark.pooled
def test_the_service_is_what_a_few_dictionaries_are(app: Flask) -> None:
    class TwoPeopleHere(TwoPeople):
        def __init__(self) -> None:
            super().__init__(app)

    run_state_machine_as_test(
        TwoPeopleHere,
        settings=settings(
            max_examples=10,
            stateful_step_count=30,
            derandomize=True,  # the same requests on every machine
            report_multiple_bugs=False,  # to make one of them small takes minutes already
            deadline=None,  # a step takes as long as the database does
            suppress_health_check=list(HealthCheck),  # and so do the examples
        ),
    )
