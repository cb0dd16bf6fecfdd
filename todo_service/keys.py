"""The key set (RFC 7517) of the auth server: fetched when needed, cached, and asked for sparingly."""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import jwt

from todo_service import metrics

log = logging.getLogger(__name__)

# JWS algorithm (RFC 7518 §3.1, RFC 8037 §3.1): the kinds of key it takes, `crv` or else `kty` of the JWK.
ALGORITHMS = {
    "EdDSA": ("Ed25519", "Ed448"),
    "ES256": ("P-256",),
    "ES384": ("P-384",),
    "ES512": ("P-521",),
    "RS256": ("RSA",),
    "RS384": ("RSA",),
    "RS512": ("RSA",),
    "PS256": ("RSA",),
    "PS384": ("RSA",),
    "PS512": ("RSA",),
}

FETCH_SECONDS = 2.0
HURRIED_SECONDS = 0.2
PATIENT_REQUESTS = 4  # that may wait for an unknown key while keys are known; more would stall everybody
HEADERS = {"Accept": "application/json", "User-Agent": "todo-service"}
MINIMUM_RSA_BITS = 2048  # RFC 7518 §3.3
MAX_BYTES = 256 * 1024
FRESH_SECONDS = 600  # after this the keys are fetched anew, so that a withdrawn key stops counting
BURST = 3  # fetches that may follow each other at once …
REFILL_SECONDS = 10  # … and how long it takes until one more is allowed


class KeysUnreachable(Exception):
    """No key is known and the auth server gives none. `retry_after`: seconds until it is asked again."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("no key set")
        self.retry_after = retry_after


class Bucket:
    """A token bucket: `BURST` fetches at once, then one each `REFILL_SECONDS`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock, self.filled, self.at = clock, float(BURST), clock()

    def take(self) -> bool:
        now = self.clock()
        self.filled = min(BURST, self.filled + (now - self.at) / REFILL_SECONDS)
        self.at = now
        if self.filled < 1:
            return False
        self.filled -= 1
        return True

    def seconds_to_next(self) -> int:
        """Whole seconds, at least one, until `take` succeeds again."""
        return max(1, round((1 - self.filled) * REFILL_SECONDS + 0.5))


class KeySet:
    """The keys at `url`, safe for use by many threads.

    Known keys serve without any lock or network, and go on serving while the auth server is away. An
    unknown key id makes one thread fetch while the others that need it wait for the same answer.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.url, self.clock = url, clock
        self.keys: dict[str, Key] = {}
        self.generation = 0  # of these keys
        self.stale_at = clock()
        self.bucket = Bucket(clock)
        self.guard = threading.Lock()
        self.fetch_done = threading.Event()
        self.fetch_done.set()
        self.fetch_ends = clock()
        self.patient = threading.Semaphore(PATIENT_REQUESTS)

    def find(self, kid: str, algorithm: str) -> Any:
        """The public key named `kid`, if it is one for `algorithm` (one of ALGORITHMS); else None.

        Raises:
            KeysUnreachable: there is no key at all to check against, or the answer is not here yet.
        """
        if kid not in self.keys:
            self.refresh()
            self.wait_for_fetch()
        elif self.clock() >= self.stale_at:
            self.refresh()
        known = self.keys
        if not known or (kid not in known and not self.fetch_done.is_set()):
            raise KeysUnreachable(self.bucket.seconds_to_next())
        key = known.get(kid)
        return key.public if key and key.serves(algorithm) else None

    def is_still(self, generation: int) -> bool:
        """Whether the keys are of this generation, and fresh enough to be sure that they are."""
        return self.generation == generation and self.clock() < self.stale_at

    def refresh(self) -> None:
        """Start to fetch the keys, unless a fetch is under way already or the bucket is empty."""
        with self.guard:
            under_way = self.clock() < self.fetch_ends and not self.fetch_done.is_set()
            if under_way or not self.bucket.take():
                return
            self.fetch_done = threading.Event()
            self.fetch_ends = self.clock() + FETCH_SECONDS
            # A thread of its own, because name resolution heeds no timeout; in the request's context,
            # so that what it logs carries the request's id.
            fetch = copy_context().run
            threading.Thread(target=fetch, args=(self._fetch, self.fetch_done), daemon=True).start()

    def wait_for_fetch(self) -> None:
        """Wait for the fetch under way; where others wait already and keys are known, not for long."""
        patience = self.fetch_ends - self.clock()
        if patience <= 0:
            return
        if not self.keys:
            self.fetch_done.wait(patience)
        elif self.patient.acquire(blocking=False):
            try:
                self.fetch_done.wait(patience)
            finally:
                self.patient.release()
        else:
            self.fetch_done.wait(min(patience, HURRIED_SECONDS))

    def _fetch(self, done: threading.Event) -> None:
        try:
            self.keys = read_keys(download(self.url))
            self.generation += 1
            self.stale_at = self.clock() + FRESH_SECONDS
            metrics.key_fetches.labels("fetched").inc()
        except Exception as error:  # noqa: BLE001  # whatever a broken server answers, known keys stay
            metrics.key_fetches.labels("failed").inc()
            log.warning("The key set could not be fetched: %s", type(error).__name__)
        finally:
            done.set()


class Key:
    """One public key and the algorithms it may be used with."""

    def __init__(self, jwk: dict[str, Any]) -> None:
        self.kid: str = jwk["kid"]
        self.kind = jwk.get("crv") or jwk["kty"]
        self.algorithm = jwk.get("alg")  # old Better Auth versions leave it out
        if not isinstance(self.kid, str) or jwk.get("use", "sig") != "sig":
            raise ValueError("no name, or not meant for signatures")
        fitting = [name for name, kinds in ALGORITHMS.items() if self.kind in kinds]
        if not fitting:
            raise ValueError("no public key of a kind we know")
        self.public = jwt.PyJWK(public_part(jwk), fitting[0]).key
        if self.kind == "RSA" and self.public.key_size < MINIMUM_RSA_BITS:
            raise ValueError("too short to be safe")

    def serves(self, algorithm: str) -> bool:
        return self.kind in ALGORITHMS[algorithm] and self.algorithm in (None, algorithm)


def public_part(jwk: dict[str, Any]) -> dict[str, Any]:
    """The JWK without private members, should a server ever publish them."""
    return {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}


def read_keys(document: bytes) -> dict[str, Key]:
    """The usable keys of a JWK set; keys of other kinds are passed over (RFC 7517 §5).

    Raises:
        ValueError: the document is no key set, or none of its keys is usable.
    """
    keys = {}
    for jwk in json.loads(document)["keys"]:
        try:
            key = Key(jwk)
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, AttributeError):
            continue
        keys[key.kid] = key
    if not keys:
        raise ValueError("no usable key")
    return keys


def download(url: str) -> bytes:
    """The document at `url`, within FETCH_SECONDS and of at most MAX_BYTES; redirects are not followed.

    Raises:
        OSError, HTTPException, ValueError: there is none to be had.
    """
    parts = urlsplit(url)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = connect(parts.netloc, timeout=FETCH_SECONDS)
    stream: socket.socket | None = None

    def cut() -> None:
        with suppress(OSError):
            if reading := stream or connection.sock:
                reading.shutdown(socket.SHUT_RDWR)

    # The timeout above is one for each read: a server that sends byte by byte would never exceed it.
    alarm = threading.Timer(FETCH_SECONDS, cut)
    alarm.start()
    try:
        connection.connect()
        stream = connection.sock  # which the connection forgets if the server announces to close it
        connection.request("GET", parts.path or "/", headers=HEADERS)
        answer = connection.getresponse()
        document = answer.read(MAX_BYTES + 1)
    finally:
        alarm.cancel()
        connection.close()
    if answer.status != HTTPStatus.OK or len(document) > MAX_BYTES:
        raise ValueError(f"status {answer.status}, {len(document)} bytes")
    return document
