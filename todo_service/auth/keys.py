"""Public keys (JWK, RFC 7517): fetched from the auth server, and which algorithms each may verify with."""

import ssl
from http.client import HTTPException
from socket import gaierror
from typing import Any
from urllib.error import HTTPError, URLError

from jwt import PyJWK, PyJWKClient, PyJWTError

# The JWS algorithms (RFC 7518 §3.1, RFC 8037 §3.1) that a kind of key takes: its `crv`, or else its `kty`.
ALGORITHMS = {
    "Ed25519": ["EdDSA"],
    "Ed448": ["EdDSA"],
    "P-256": ["ES256"],
    "P-384": ["ES384"],
    "P-521": ["ES512"],
    "RSA": ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
}
HEADERS = {"Accept": "application/json", "User-Agent": "todo-service"}
MINIMUM_RSA_BITS = 2048  # RFC 7518 §3.3
PUBLIC_MEMBERS = ("kty", "crv", "x", "y", "n", "e")  # all that is read: a private key would not verify

Keys = dict[str, dict[str, Any]]  # by their ids: the public key under each algorithm that it may verify


class NoUsableKey(ValueError):
    """A key set without any key that we could verify with."""


# Why there is no key set, in our words: those of the libraries quote addresses. The first that fits is told.
REASONS: list[tuple[type[BaseException], str]] = [
    (TimeoutError, "timed out"),
    (ConnectionRefusedError, "connection refused"),
    (gaierror, "no such host"),
    (ssl.SSLError, "TLS failed"),
    (HTTPException, "not HTTP"),
    (OSError, "connection failed"),
    (NoUsableKey, "no usable key"),
    (PyJWTError, "not a key set"),
    (ValueError, "not a key set"),
    (RecursionError, "not a key set"),
]


def fetch_keys(url: str, timeout: float) -> Keys:
    """The usable keys at `url`; redirects are not followed.

    Args:
        timeout: seconds to wait for each part of the answer.

    Raises:
        Exception: there is no key set to be had; `reason` says why.
    """
    # Its own cache would forget the keys in an outage, and lock a rotated key out.
    client = PyJWKClient(url, cache_jwk_set=False, timeout=timeout, headers=HEADERS)
    return read_keys(client.fetch_data())


def read_keys(key_set: dict[str, Any]) -> Keys:
    """The usable keys of a key set; others are passed over (RFC 7517 §5).

    PyJWKSet does not say what a key's `key_ops` are, nor whether its `alg` was published or guessed.

    Raises:
        ValueError: it is no key set, or none of its keys is usable.
    """
    if not isinstance(key_set.get("keys"), list):
        raise ValueError("no list of keys")
    keys = {}
    for jwk in key_set["keys"]:
        try:
            keys[jwk["kid"]] = verifying_key(jwk)
        except (PyJWTError, KeyError, TypeError, ValueError, AttributeError):
            continue
    if not keys:
        raise NoUsableKey
    return keys


def verifying_key(jwk: dict[str, Any]) -> dict[str, Any]:
    """The public key under each algorithm it may verify: all of its kind where it names none, as old Better
    Auth versions publish them, and none where `use` or `key_ops` (RFC 7517 §4.2, §4.3) exclude it.

    Raises:
        PyJWTError, KeyError, TypeError, ValueError, AttributeError: it is no key that we could verify with.
    """
    kind = jwk.get("crv") or jwk["kty"]
    algorithms = [name for name in ALGORITHMS[kind] if jwk.get("alg") in (None, name)]
    is_meant = jwk.get("use", "sig") == "sig" and "verify" in jwk.get("key_ops", ["verify"])
    if not algorithms or not is_meant or not isinstance(jwk["kid"], str):
        raise ValueError("nameless, or not meant to verify with")
    public = PyJWK({name: jwk[name] for name in PUBLIC_MEMBERS if name in jwk}, algorithms[0]).key
    if kind == "RSA" and public.key_size < MINIMUM_RSA_BITS:
        raise ValueError("too short to be safe")
    return dict.fromkeys(algorithms, public)


def reason(error: BaseException) -> str:
    """Why there is no key set, for the log."""
    cause = error.__cause__ or error  # PyJWKClient tells what went wrong by what its error was raised from
    if isinstance(cause, HTTPError):
        return f"status {cause.code}" + (
            ", and redirects are not followed" if 300 <= cause.code < 400 else ""
        )
    if isinstance(cause, URLError) and isinstance(cause.reason, BaseException):
        cause = cause.reason
    return next((words for kind, words in REASONS if isinstance(cause, kind)), type(cause).__name__)
