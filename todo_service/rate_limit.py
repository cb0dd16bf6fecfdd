"""How often a user may call, and an address fail to sign in (contract §7), by means of Flask-Limiter."""

import logging
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Flask, current_app, g, request
from flask_limiter import Limiter
from limits import RateLimitItem, parse
from limits.storage import Storage
from redis.backoff import NoBackoff
from redis.retry import Retry

from todo_service import metrics
from todo_service.client_address import client_address
from todo_service.config import Settings
from todo_service.counters import Counters
from todo_service.errors import Problem

log = logging.getLogger(__name__)

OWN_MEMORY = f"{Counters.STORAGE_SCHEME[0]}://"
STORAGE_SECONDS = 0.5  # for the storage to answer; meanwhile a request waits
PAUSE_SECONDS = 5  # in which a storage that did not answer is left alone
LOG_SECONDS = 60  # between two lines about a storage that is down

Fields = list[tuple[str, str]]


class Standing(NamedTuple):
    """How much is left of what one window allows."""

    allowed: bool
    limit: int
    remaining: int
    reset: float  # seconds since 1970

    def fields(self) -> Fields:
        return [
            ("X-RateLimit-Limit", str(self.limit)),
            ("X-RateLimit-Remaining", str(self.remaining)),
            ("X-RateLimit-Reset", str(int(self.reset))),
        ]


class Rate:
    """A rate, counted for each user and each address.

    A storage that is down lets everything through: to refuse everybody would be worse than to refuse
    nobody for a while.
    """

    def __init__(self, storage: Storage, rate: RateLimitItem) -> None:
        self.storage, self.rate = storage, rate
        self.seconds = rate.get_expiry()
        self.prefix = rate.key_for()
        self.paused_until = self.silent_until = 0.0

    def spend(self, kind: str, whose: str) -> Standing | None:
        """Count one in a fixed window; None when the storage is down."""
        return self.ask(kind, whose, lambda key: self.storage.incr(key, self.seconds))

    def look(self, kind: str, whose: str) -> Standing | None:
        """The same without counting."""
        return self.ask(kind, whose, self.storage.get)

    def ask(self, kind: str, whose: str, count: Callable[[str], int]) -> Standing | None:
        if time.monotonic() < self.paused_until:
            return None
        key = f"{self.prefix}/{kind}/{whose}"
        try:
            used = count(key)
            reset = self.storage.get_expiry(key)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with it, people can do nothing about it
            self.pause(error)
            return None
        limit = self.rate.amount
        return Standing(used <= limit, limit, max(0, limit - used), reset)

    def pause(self, error: Exception) -> None:
        now = time.monotonic()
        self.paused_until = now + PAUSE_SECONDS
        metrics.storage_failures.inc()
        if now >= self.silent_until:
            self.silent_until = now + LOG_SECONDS
            log.warning(
                "The rate limits' storage does not answer, so nothing is limited: %s", type(error).__name__
            )


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions["trusted_proxies"] = settings.trusted_proxies
    if not settings.rate_limit:
        return
    storage = settings.rate_limit_storage
    limiter = Limiter(
        key_func=client_address,
        storage_uri=OWN_MEMORY if storage == "memory://" else storage,
        storage_options=storage_options(storage),
    )
    limiter.init_app(app)
    # It would look for limits of each view, before anybody knows the user. `spend` counts, `fields` tells.
    for hooks in (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs):
        hooks[None].pop()
    app.extensions["rate"] = Rate(limiter.storage, parse(settings.rate_limit))


def storage_options(storage: str) -> dict[str, Any]:
    if storage == "memory://":
        return {}
    return {
        "socket_connect_timeout": STORAGE_SECONDS,
        "socket_timeout": STORAGE_SECONDS,
        "retry": Retry(NoBackoff(), 1),  # once, for a connection that was cut while it lay idle
    }


def hit(user_id: str) -> None:
    """Count a request of this user's.

    Raises:
        Problem: 429, the user has used up what one window allows.
    """
    if problem := count("user", user_id):
        raise problem


def hit_address() -> Problem | None:
    """Count a refused token of this client's; the 429 to answer with instead, if there were too many.

    Good tokens pass all the same: behind one address there may be many people, and one broken page.
    """
    return count("address", client_address())


def count(kind: str, whose: str) -> Problem | None:
    rate: Rate | None = current_app.extensions.get("rate")
    standing = rate and rate.spend(kind, whose)
    if not standing:
        return None
    g.standing = standing
    if standing.allowed:
        return None
    metrics.refusals.labels(kind).inc()
    wait = str(max(1, int(standing.reset - time.time()) + 1))
    detail = "Too many requests; please wait a moment."
    return Problem(429, "rate_limited", detail, headers={"Retry-After": wait})


def fields() -> Fields:
    """Header fields that say where the user stands: the user, or before anybody is known, the address."""
    rate: Rate | None = current_app.extensions.get("rate")
    if not rate or not request.path.startswith("/api"):
        return []
    standing: Standing | None = g.get("standing") or rate.look("address", client_address())
    return standing.fields() if standing else []
