"""The key set of the auth server: cached, stale-while-revalidate, and asked for sparingly (contract §2)."""

import logging
import math
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from todo_service.auth.keys import Keys, fetch_keys, reason
from todo_service.ops import metrics

log = logging.getLogger(__name__)

FETCH_SECONDS = 2.0  # that a request waits for a fetch at most
CROWDED_SECONDS = 0.2
MAX_WAITING_REQUESTS = 4  # that may wait for an unknown key while keys are known; more would stall everybody
FRESH_SECONDS = 600  # after this the keys are fetched anew, so that a withdrawn key stops counting
BURST = 3  # fetches that may follow each other at once …
REFILL_SECONDS = 10  # … and how long it takes until one more is allowed
MAX_FETCHES = 3  # under way at once: of a server that answers byte by byte none ever ends


class KeysUnreachable(Exception):
    """No key is known and the auth server gives none. `retry_after`: seconds until it is asked again."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("no key set")
        self.retry_after = retry_after


class TokenBucket:
    """A token bucket: `BURST` fetches at once, then one each `REFILL_SECONDS`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.full_at = clock()

    def take(self) -> bool:
        if self.wait() > 0:
            return False
        self.full_at = max(self.full_at, self.clock()) + REFILL_SECONDS
        return True

    def wait(self) -> float:
        """Seconds until `take` succeeds again; none or less if it would now."""
        return self.full_at - (BURST - 1) * REFILL_SECONDS - self.clock()


class KeySet:
    """The keys at `url`, safe for use by many threads.

    Known keys serve without any lock or network, and go on serving while the auth server is away. An
    unknown key id makes one thread fetch while the others that need it wait for the same answer.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.url, self.clock = url, clock
        self.keys: Keys = {}
        self.generation = 0  # the number of the fetch that these keys are from
        self.stale_at = self.fetch_ends = clock()
        self.bucket = TokenBucket(clock)
        self.guard = threading.Lock()
        self.fetches: list[threading.Thread] = []  # under way
        self.newest_fetch = threading.Thread()
        self.fetches_begun = 0
        self.waiters = threading.Semaphore(MAX_WAITING_REQUESTS)

    def find(self, kid: str, algorithm: str) -> Any:
        """The public key named `kid`, if it is one for `algorithm`; else None.

        Raises:
            KeysUnreachable: there is no key at all to check against, or the answer is not here yet.
        """
        answered = True
        if kid not in self.keys:
            self.refresh()
            answered = self.wait_for_fetch()
        elif self.clock() >= self.stale_at:
            self.refresh()
        known = self.keys
        if not known or (kid not in known and not answered):
            raise KeysUnreachable(max(1, math.ceil(self.bucket.wait())))
        return known.get(kid, {}).get(algorithm)

    def is_still(self, generation: int) -> bool:
        """Whether the keys are of this generation, and fresh enough to be sure that they are."""
        return self.generation == generation and self.clock() < self.stale_at

    def refresh(self) -> None:
        """Start to fetch the keys, unless a fetch is under way already or the bucket is empty."""
        with self.guard:
            awaited = self.clock() < self.fetch_ends and self.newest_fetch.is_alive()
            self.fetches = [fetch for fetch in self.fetches if fetch.is_alive()]
            if awaited or len(self.fetches) >= MAX_FETCHES or not self.bucket.take():
                return
            self.fetches_begun += 1
            # A thread of its own, because neither name resolution nor an answer that drips heeds a timeout;
            # in the request's context, so that what it logs carries the request's id.
            task = (self.fetch, self.fetches_begun)
            thread = threading.Thread(target=copy_context().run, args=task, daemon=True)
            thread.start()
            self.fetches.append(thread)
            self.fetch_ends = self.clock() + FETCH_SECONDS
            self.newest_fetch = thread  # last, as who waits for it looks without the lock

    def wait_for_fetch(self) -> bool:
        """Wait for the fetch under way, if one is; where others wait already and keys are known, not for
        long. Return whether nothing is awaited any more."""
        fetch, timeout = self.newest_fetch, self.fetch_ends - self.clock()
        if timeout <= 0 or not fetch.is_alive():
            return True
        if not self.keys:
            fetch.join(timeout)
        elif self.waiters.acquire(blocking=False):
            fetch.join(timeout)
            self.waiters.release()
        else:
            fetch.join(min(timeout, CROWDED_SECONDS))
        return not fetch.is_alive()

    def fetch(self, number: int) -> None:
        try:
            keys = fetch_keys(self.url, FETCH_SECONDS)
        except Exception as error:  # noqa: BLE001  # whatever a broken server answers, known keys stay
            metrics.key_fetches.labels("failed").inc()
            log.warning("The key set could not be fetched: %s", reason(error))
            return
        metrics.key_fetches.labels("fetched").inc()
        with self.guard:
            if number > self.generation:  # a late answer may be older than what is known
                self.keys, self.generation = keys, number
                self.stale_at = self.clock() + FRESH_SECONDS
