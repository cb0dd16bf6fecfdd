"""Concurrency limit per user: what one user does at once must not be felt by the others (contract §7)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, Semaphore

from todo_service.api.problems import Problem

MAX_RUNNING = 2  # requests of a user that a process works at: beside a long export goes something else
MAX_PRESENT = 64  # that it holds of a user, those that wait included: half of the server's threads
WAIT_SECONDS = 5  # for a slot
# Times as long as the request before took, the slot is nobody's; so others find an idle processor.
REST_FACTOR = 2
MAX_REST_SECONDS = 1
CONTENTION_SECONDS = 1  # since somebody else was here, in which there is anybody to rest for


@dataclass
class Slots:
    """The slots of a user with requests under way: how many hold or await one, and for how many seconds the
    request that ended last held its own."""

    free: Semaphore = field(default_factory=lambda: Semaphore(MAX_RUNNING))
    present: int = 0
    seconds: float = 0


class FairShare:
    """A bulkhead: each process runs MAX_RUNNING requests of a user at once; the others queue for a slot.

    They wait in threads, of which the server has plenty. Those that had to wait
    also rest before they begin, unless nobody else is here: all together, one user's keep a process busy for
    two thirds of the time.
    """

    def __init__(self) -> None:
        self.guard = Lock()
        self.users: dict[str, Slots] = {}
        self.latest: str | None = None
        self.contended_until = 0.0

    @contextmanager
    def slot(self, user_id: str) -> Iterator[None]:
        """Acquire one of the user's slots, and hold it.

        Raises:
            Problem: 429, too many of this user's are here already, or none came within WAIT_SECONDS.
        """
        slots = self.enter(user_id)
        try:
            waits = not slots.free.acquire(blocking=False)
            if waits and not slots.free.acquire(timeout=WAIT_SECONDS):
                raise too_many()
            if waits and time.monotonic() < self.contended_until:
                time.sleep(min(REST_FACTOR * slots.seconds, MAX_REST_SECONDS))
            began = time.monotonic()
            try:
                yield
            finally:
                slots.seconds = time.monotonic() - began
                slots.free.release()
        finally:
            self.leave(user_id, slots)

    def enter(self, user_id: str) -> Slots:
        with self.guard:
            if self.latest not in (None, user_id):
                self.contended_until = time.monotonic() + CONTENTION_SECONDS
            self.latest = user_id
            slots = self.users.setdefault(user_id, Slots())
            if slots.present >= MAX_PRESENT:
                raise too_many()
            slots.present += 1
        return slots

    def leave(self, user_id: str, slots: Slots) -> None:
        with self.guard:
            slots.present -= 1
            if not slots.present:
                del self.users[user_id]


def too_many() -> Problem:
    detail = "Too many requests at once; please wait a moment."
    return Problem(429, "rate_limited", detail, headers={"Retry-After": "1"})
