"""Rate limits, fixed windows by `limits`: requests of a user, refused tokens of an address (contract §7)."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar, cast

from flask import Flask, current_app, g, request
from limits import RateLimitItem, WindowStats, parse
from limits.storage import Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from todo_service.api.problems import Problem
from todo_service.auth.client_address import client_address
from todo_service.auth.counters import Counters
from todo_service.auth.fair_share import FairShare
from todo_service.config import Settings
from todo_service.ops import metrics

log = logging.getLogger(__name__)

STORAGE_SECONDS = 0.5  # for the storage to answer; meanwhile a request waits
PAUSE_SECONDS = 5  # in which a storage that did not answer is left alone
REFUSAL_SECONDS = 0.1  # that one takes, in a slot of its user's: else nobody would wait to ask again
LOG_SECONDS = 60  # between two lines about a storage that is down

T = TypeVar("T")


class RateLimit:
    """A rate limit, counted for each user and each address.

    It fails open: to refuse everybody would be worse than to refuse
    nobody for a while.
    """

    def __init__(self, storage: Storage, rate: RateLimitItem) -> None:
        self.windows, self.rate = FixedWindowRateLimiter(storage), rate
        self.paused_until = self.silent_until = 0.0

    def hit(self, kind: str, whose: str, cost: int) -> bool:
        """Count; whether that is within the rate. More than is left is not counted, as less may still fit."""

        def is_within() -> bool:
            is_over = cost > 1 and not self.windows.test(self.rate, kind, whose, cost=cost)
            return not is_over and self.windows.hit(self.rate, kind, whose, cost=cost)

        return self.try_storage(is_within) is not False

    def peek(self, kind: str, whose: str) -> WindowStats | None:
        """How much is left and when the window ends, without counting; None when the storage is down."""
        return self.try_storage(lambda: self.windows.get_window_stats(self.rate, kind, whose))

    def try_storage(self, call: Callable[[], T]) -> T | None:
        if time.monotonic() < self.paused_until:
            return None
        try:
            return call()
        except Exception as error:  # noqa: BLE001  # whatever is wrong with it, people can do nothing about it
            self.pause_storage(type(error).__name__)
            return None

    def pause_storage(self, why: str) -> None:
        now = time.monotonic()
        self.paused_until = now + PAUSE_SECONDS
        metrics.storage_failures.inc()
        if now >= self.silent_until:
            self.silent_until = now + LOG_SECONDS
            log.warning("The rate limits' storage does not answer, so nothing is limited: %s", why)


def init_app(app: Flask, settings: Settings) -> None:
    if settings.rate_limit:
        storage = storage_at(settings.rate_limit_storage)
        app.extensions["rate_limit"] = RateLimit(storage, parse(settings.rate_limit))
        app.extensions["fair_share"] = FairShare()


def storage_at(url: str) -> Storage:
    """The counters' storage: this process's memory, or a Redis, to which no connection is made yet."""
    if url == "memory://":
        return Counters()
    retry: Any = Retry(NoBackoff(), 1)  # for a connection that was cut while it lay idle
    timeout = STORAGE_SECONDS
    redis = storage_from_string(url, socket_connect_timeout=timeout, socket_timeout=timeout, retry=retry)
    return cast(Storage, redis)


def slot(user_id: str) -> AbstractContextManager[None]:
    """A concurrency slot of the user's (fair_share.py); without RATE_LIMIT nobody waits for one."""
    share: FairShare | None = current_app.extensions.get("fair_share")
    return share.slot(user_id) if share else nullcontext()


def hit(cost: int = 1) -> None:
    """Count a request of the current user's, or as much work as `cost` of them.

    Raises:
        Problem: 429, that is more than is left; after a moment, in which the user's other requests wait.
    """
    if problem := hit_or_problem(cost):
        time.sleep(REFUSAL_SECONDS)
        raise problem


def hit_as(cost: int) -> None:
    """Count the current request, which has been counted as one, as `cost` of them; but never as more than a
    window holds, so that after a wait it passes.

    Raises:
        Problem: 429, as `hit`.
    """
    limit = current_limit()
    more = min(cost, limit.rate.amount) - 1 if limit else 0
    if more > 0:
        hit(more)


def hit_address() -> Problem | None:
    """Count a refused token of this client's; the 429 to answer with instead, if there were too many.

    Good tokens pass all the same: behind one address there may be many people, and one broken page.
    """
    return hit_or_problem()


def limit_key() -> tuple[str, str]:
    """The key under which the request counts: its user's or, before anybody is known, its address's."""
    return ("user", g.current_user.id) if "current_user" in g else ("address", client_address())


def hit_or_problem(cost: int = 1) -> Problem | None:
    limit, (kind, whose) = current_limit(), limit_key()
    if not limit or limit.hit(kind, whose, cost):
        return None
    metrics.refusals.labels(kind).inc()
    window = limit.peek(kind, whose)
    wait = max(1, int(window.reset_time - time.time()) + 1) if window else PAUSE_SECONDS
    detail = "Too many requests; please wait a moment."
    return Problem(429, "rate_limited", detail, headers={"Retry-After": str(wait)})


def current_limit() -> RateLimit | None:
    return cast(RateLimit | None, current_app.extensions.get("rate_limit"))


def headers() -> dict[str, str]:
    """Fields that say how much is left: for the user, or before anybody is known, for the address."""
    limit = current_limit()
    if not limit or not request.path.startswith("/api"):
        return {}
    if not (window := limit.peek(*limit_key())):
        return {}
    return {
        "X-RateLimit-Limit": str(limit.rate.amount),
        "X-RateLimit-Remaining": str(window.remaining),
        "X-RateLimit-Reset": str(int(window.reset_time)),
    }
