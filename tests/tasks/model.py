"""What the service should be: a few dictionaries, and the searches in them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import zip_longest
from random import Random
from typing import Any
from unicodedata import normalize
from unittest.mock import ANY
from urllib.parse import urlencode

from tests.mirror import Mirror
from tests.people import Person

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

TAGS = [[], ["home"], ["HOME", "work"], ["a_b"]]

DEFAULTS: Fields = {
    "description": None,
    "completed": False,
    "priority": None,
    "due_date": None,
    "tags": [],
    "position": ANY,  # what counts is the order that it makes
}
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
    order: list[str] = field(default_factory=list)
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
        self.order.insert(0, id)
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

    def move(self, task: Task, where: Fields, moment: str) -> Task:
        ((name, to),) = where.items()
        if name != "to" and to not in self.tasks:
            raise Refused(400)
        others = [other for other in self.order if other != task["id"]]
        places = {"top": 0, "bottom": len(others)} | {other: at for at, other in enumerate(others)}
        place = places.get(to, self.order.index(task["id"])) + (name == "after" and to != task["id"])
        order = [*others[:place], task["id"], *others[place:]]
        if order == self.order:
            return task
        self.order = order
        return self.put(task, {}, moment)

    def delete(self, id: str, tags: Iterable[int] | None = None) -> None:
        self.find(id, tags)
        del self.tasks[id]
        self.order.remove(id)
        self.gone |= {id}
        self.revision += 1

    def clear(self) -> int:
        """Forget the completed tasks, which is one change however many they are."""
        completed = [task for task in self.tasks.values() if task["completed"]]
        for task in completed:
            del self.tasks[task["id"]]
            self.order.remove(task["id"])
        self.gone |= {task["id"] for task in completed}
        self.revision += bool(completed)
        return len(completed)

    def perform(self, operations: list[Operation], new_ids: Iterator[str], moment: str) -> list[Any]:
        """All operations of a batch, or none."""
        draft = replace(self, tasks=dict(self.tasks), order=list(self.order))
        try:
            results = [draft.perform_one(operation, new_ids, moment) for operation in operations]
        except Refused as refused:  # what came before it in the batch has not happened either
            current = refused.current and self.tasks.get(refused.current["id"])
            raise Refused(refused.status, current) from refused
        self.tasks, self.order, self.gone = draft.tasks, draft.order, draft.gone
        self.revision = draft.revision
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
        if operation["op"] == "move":
            where = {name: to for name, to in operation.items() if name in ("before", "after", "to")}
            return {"status": 200, "task": self.move(task, where, moment)}
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
    tags: list[str]

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
            tags=random.sample(["Home", "WORK", "a_b", "axb"], random.choice([0, 0, 1, 2])),
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
            "tag": ",".join(self.tags),
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
            and (not self.tags or bool({folded(tag) for tag in self.tags} & set(map(folded, task["tags"]))))
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


def folded(tag: str) -> str:
    return tag.casefold()


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


def own(account: Account, task: int | str) -> str:
    """The id of a task that is named by its place among the account's, or by an id already."""
    if isinstance(task, str):
        return task
    return list(account.tasks)[task % len(account.tasks)] if account.tasks else NOBODYS


def neighbours(account: Account, where: Fields) -> Fields:
    """The place of a move with ids in the place of places."""
    return where | {name: own(account, where[name]) for name in ("before", "after") if name in where}


def revision_of(account: Account, id: str) -> int:
    return int(account.tasks[id]["revision"]) if id in account.tasks else 1
