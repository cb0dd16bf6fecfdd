"""Counters in the process's own memory, for rate limits.

The storage of this kind that comes with `limits` starts a thread every 10 ms, which looks at every counter.
"""

import time
from threading import Lock
from typing import Any

from limits.storage import Storage

SWEEP_AT_LEAST = 10_000  # counters, before those that have ended are looked for


class Counters(Storage):
    """How often each key was counted since its window began.

    Args:
        clock: tells the seconds since 1970.
    """

    STORAGE_SCHEME = ["counters"]  # noqa: RUF012  # limits declares it so

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **_: Any) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self.windows: dict[str, tuple[int, float]] = {}  # the count, and when the window ends
        self.sweep_at = SWEEP_AT_LEAST
        self.lock = Lock()
        self.clock = time.time

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count; a first time begins a window of `expiry` seconds."""
        now = self.clock()
        with self.lock:
            count, ends = self.windows.get(key, (0, 0))
            if ends <= now:
                count, ends = 0, now + expiry
            self.windows[key] = (count + amount, ends)
            if len(self.windows) >= self.sweep_at:
                self.sweep(now)
        return count + amount

    def sweep(self, now: float) -> None:
        """Forget what has ended; rarely enough that each counter is looked at twice on average."""
        self.windows = {key: window for key, window in self.windows.items() if window[1] > now}
        self.sweep_at = max(SWEEP_AT_LEAST, 2 * len(self.windows))

    def get(self, key: str) -> int:
        count, ends = self.windows.get(key, (0, 0))
        return count if ends > self.clock() else 0

    def get_expiry(self, key: str) -> float:
        now = self.clock()
        return max(now, self.windows.get(key, (0, now))[1])

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        with self.lock:
            count, self.windows = len(self.windows), {}
        return count

    def clear(self, key: str) -> None:
        with self.lock:
            self.windows.pop(key, None)
