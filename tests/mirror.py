"""A device that follows the changes feed (contract §6)."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

from werkzeug.test import TestResponse

from tests.people import Person, body


@dataclass
class Mirror:
    """What such a device holds: no more of its user's tasks than the feed has told it."""

    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    token: str = ""
    newest: int = 0
    behind: bool = True

    def copy(self) -> Self:
        return replace(self, tasks=dict(self.tasks))

    def ask(self, person: Person, limit: int = 1000) -> TestResponse:
        return person.get(f"/api/tasks/changes?limit={limit}&since={self.token}")

    def take_page(self, person: Person, limit: int = 1000) -> list[dict[str, Any]]:
        """Ask once for what came after the token; return the changes in their order."""
        answer = self.ask(person, limit)
        assert answer.status_code == 200, answer.text
        changes: list[dict[str, Any]] = body(answer)["changes"]
        ids = [change["task"]["id"] if change["type"] == "upsert" else change["id"] for change in changes]
        assert len(ids) == len(set(ids)) <= limit
        for change in changes:
            self.apply(change)
        self.token, self.behind = body(answer)["token"], body(answer)["has_more"]
        assert len(changes) == limit or not self.behind
        return changes

    def apply(self, change: dict[str, Any]) -> None:
        if change["type"] == "delete":
            assert set(change) == {"type", "id", "deleted_at"}
            self.tasks.pop(change["id"], None)
            return
        assert set(change) == {"type", "task"}
        task = change["task"]
        assert task["revision"] > self.newest, "the feed went back behind the token"
        self.newest = task["revision"]
        self.tasks[task["id"]] = task

    def catch_up(self, person: Person, limit: int = 1000) -> list[dict[str, Any]]:
        """Ask until nothing is left to be told; return all changes in their order."""
        changes = self.take_page(person, limit)
        while self.behind:
            changes += self.take_page(person, limit)
        return changes

    def equals_the_list(self, person: Person) -> bool:
        return self.tasks == {task["id"]: task for task in body(person.get())}
