"""Public keys (JWK, RFC 7517): fetched from the auth server, and which algorithms each may verify with."""

import ssl
from http import HTTPStatus
from http.client import HTTPException
from socket import gaierror
from typing import Any
from urllib.error import HTTPError, URLError

from jwt import PyJWK, PyJWKClient, PyJWTError

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

HEADERS = {"Accept": "application/json", "User-Agent": "todo-service"}
MINIMUM_RSA_BITS = 2048  # RFC 7518 §3.3
PUBLIC_MEMBERS = ("kty", "crv", "x", "y", "n", "e")  # what is read, should a server ever publish private ones

# Why there is no key set, in our words: those of the libraries quote addresses. The first that fits is told.
REASONS: list[tuple[type[BaseException], str]] = [
    (TimeoutError, "timed out"),
    (ConnectionRefusedError, "connection refused"),
    (gaierror, "no such host"),
    (ssl.SSLError, "TLS failed"),
    (HTTPException, "not HTTP"),
    (OSError, "connection failed"),
    (PyJWTError, "not a key set"),
    (ValueError, "not a key set"),
    (RecursionError, "not a key set"),
]


class Key:
    """One public key and the algorithms it may be used with.

    Raises:
        PyJWTError, KeyError, TypeError, ValueError: it is none that we could verify with.
    """

    def __init__(self, jwk: dict[str, Any]) -> None:
        kind = jwk.get("crv") or jwk["kty"]
        fitting = [name for name, kinds in ALGORITHMS.items() if kind in kinds]
        named = jwk.get("alg")  # old Better Auth versions leave it out
        self.algorithms = [name for name in fitting if named in (None, name)]
        self.kid: str = jwk["kid"]
        if not isinstance(self.kid, str) or not self.algorithms or not may_verify(jwk):
            raise ValueError("nameless, of no kind we know, or not meant to verify with")
        public = {name: jwk[name] for name in PUBLIC_MEMBERS if name in jwk}
        self.public = PyJWK(public, self.algorithms[0]).key
        if kind == "RSA" and self.public.key_size < MINIMUM_RSA_BITS:
            raise ValueError("too short to be safe")

    def serves(self, algorithm: str) -> bool:
        return algorithm in self.algorithms


def may_verify(jwk: dict[str, Any]) -> bool:
    """Whether `use` and `key_ops` (RFC 7517 §4.2, §4.3), where present, let it verify signatures."""
    return jwk.get("use", "sig") == "sig" and "verify" in jwk.get("key_ops", ["verify"])


def fetch_keys(url: str, timeout: float) -> dict[str, Key]:
    """The usable keys at `url` by their ids; redirects are not followed.

    Args:
        timeout: seconds to wait for each part of the answer.

    Raises:
        Exception: there is no key set to be had; `reason` says why.
    """
    # Its own cache would forget the keys in an outage, and lock a rotated key out.
    client = PyJWKClient(url, cache_jwk_set=False, timeout=timeout, headers=HEADERS)
    return read_keys(client.fetch_data())


def read_keys(key_set: dict[str, Any]) -> dict[str, Key]:
    """The usable keys of a key set; others are passed over (RFC 7517 §5).

    PyJWKSet does not say what a key's `key_ops` are, nor whether its `alg` was published or guessed.

    Raises:
        ValueError: it is no key set, or none of its keys is usable.
    """
    listed = key_set.get("keys")
    if not isinstance(listed, list):
        raise ValueError("no list of keys")
    keys = {}
    for jwk in listed:
        try:
            key = Key(jwk)
        except (PyJWTError, KeyError, TypeError, ValueError, AttributeError):
            continue
        keys[key.kid] = key
    if not keys:
        raise NoUsableKey
    return keys


class NoUsableKey(ValueError):
    """A key set without any key that we could verify with."""


def reason(error: BaseException) -> str:
    """Why there is no key set, for the log."""
    if isinstance(error, NoUsableKey):
        return "no usable key"
    cause = error.__cause__ or error  # PyJWKClient tells what went wrong by what its error was raised from
    if isinstance(cause, HTTPError):
        redirect = HTTPStatus.MULTIPLE_CHOICES <= cause.code < HTTPStatus.BAD_REQUEST
        return f"status {cause.code}" + (", and redirects are not followed" if redirect else "")
    if isinstance(cause, URLError) and isinstance(cause.reason, BaseException):
        cause = cause.reason
    return next((words for kind, words in REASONS if isinstance(cause, kind)), type(cause).__name__)
