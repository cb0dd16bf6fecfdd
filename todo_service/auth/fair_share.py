"""A fair share: what one user does at once must not be felt by the others (contract §7)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, Semaphore

from todo_service.api.problems import Problem

AT_ONCE = 2  # requests of a user that a process works at: beside a long export goes something else
MOST = 64  # that it holds of a user, those that wait included: half of the server's threads
WAIT_SECONDS = 5  # for one's turn
REST = 2  # times as long as the request before took, the turn is nobody's; so others find an idle processor
LONGEST_REST = 1  # second
COMPANY_SECONDS = 1  # since somebody else was here, in which there is anybody to rest for


@dataclass
class Turns:
    """Of a user with requests under way: how many there are, and how long the one that ended last took."""

    free: Semaphore = field(default_factory=lambda: Semaphore(AT_ONCE))
    present: int = 0
    seconds: float = 0


class FairShare:
    """Lets each user's requests in a few at a time.

    Who sends many at once waits in turn, in threads, of which the server has plenty. Those that had to wait
    also rest before they begin, unless nobody else is here: all together, one user's keep a process busy for
    two thirds of the time.
    """

    def __init__(self) -> None:
        self.guard = Lock()
        self.users: dict[str, Turns] = {}
        self.latest: str | None = None
        self.company_until = 0.0

    @contextmanager
    def turn(self, user_id: str) -> Iterator[None]:
        """Wait for a turn of this user's, and hold it.

        Raises:
            Problem: 429, too many of this user's are here already, or none came within WAIT_SECONDS.
        """
        turns = self.enter(user_id)
        try:
            waits = not turns.free.acquire(blocking=False)
            if waits and not turns.free.acquire(timeout=WAIT_SECONDS):
                raise too_many()
            if waits and time.monotonic() < self.company_until:
                time.sleep(min(REST * turns.seconds, LONGEST_REST))
            began = time.monotonic()
            try:
                yield
            finally:
                turns.seconds = time.monotonic() - began
                turns.free.release()
        finally:
            self.leave(user_id, turns)

    def enter(self, user_id: str) -> Turns:
        with self.guard:
            if self.latest not in (None, user_id):
                self.company_until = time.monotonic() + COMPANY_SECONDS
            self.latest = user_id
            turns = self.users.setdefault(user_id, Turns())
            if turns.present >= MOST:
                raise too_many()
            turns.present += 1
        return turns

    def leave(self, user_id: str, turns: Turns) -> None:
        with self.guard:
            turns.present -= 1
            if not turns.present:
                del self.users[user_id]


def too_many() -> Problem:
    detail = "Too many requests at once; please wait a moment."
    return Problem(429, "rate_limited", detail, headers={"Retry-After": "1"})
