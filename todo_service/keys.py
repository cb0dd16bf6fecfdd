"""The key set (RFC 7517) of the auth server: fetched when needed, cached, and asked for sparingly."""

import json
import logging
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import jwt

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
        self.stale_at = clock()
        self.bucket = Bucket(clock)
        self.guard = threading.Lock()
        self.fetch_done = threading.Event()
        self.fetch_ends = clock()

    def find(self, kid: str, algorithm: str) -> Any:
        """The public key named `kid`, if it is one for `algorithm` (one of ALGORITHMS); else None.

        Raises:
            KeysUnreachable: there is no key at all to check against.
        """
        if kid not in self.keys:
            self.refresh(wait=True)
        elif self.clock() >= self.stale_at:
            self.refresh(wait=False)
        known = self.keys
        if not known:
            raise KeysUnreachable(self.bucket.seconds_to_next())
        key = known.get(kid)
        return key.public if key and key.serves(algorithm) else None

    def refresh(self, *, wait: bool) -> None:
        """Fetch the keys, unless a fetch is under way already or the bucket is empty."""
        with self.guard:
            under_way = self.clock() < self.fetch_ends and not self.fetch_done.is_set()
            if not under_way and self.bucket.take():
                self.fetch_done = threading.Event()
                self.fetch_ends = self.clock() + FETCH_SECONDS
                # A thread of its own, because name resolution heeds no timeout.
                threading.Thread(target=self._fetch, args=(self.fetch_done,), daemon=True).start()
            done, patience = self.fetch_done, self.fetch_ends - self.clock()
        if wait and patience > 0:
            done.wait(patience)

    def _fetch(self, done: threading.Event) -> None:
        try:
            self.keys = read_keys(download(self.url))
            self.stale_at = self.clock() + FRESH_SECONDS
        except Exception as error:  # noqa: BLE001  # whatever a broken server answers, known keys stay
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


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect could lead anywhere, so it counts as a failure."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def download(url: str) -> bytes:
    """The document at `url`, at most MAX_BYTES of it, within about FETCH_SECONDS."""
    deadline = time.monotonic() + FETCH_SECONDS
    opener = urllib.request.build_opener(NoRedirects)
    headers = {"Accept": "application/json", "User-Agent": "todo-service"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  # settings admit only http(s)
    with opener.open(request, timeout=FETCH_SECONDS) as answer:
        document = b""
        while chunk := answer.read1(MAX_BYTES + 1 - len(document)):
            document += chunk
            if len(document) > MAX_BYTES or time.monotonic() > deadline:
                raise ValueError("the answer is too large or too slow")
    return document
