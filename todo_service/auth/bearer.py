"""Bearer authentication: tokens of the auth server, verified by Flask-JWT-Extended (contract §2)."""

import logging
import re
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import Flask, Response, current_app, g, request
from flask_jwt_extended import get_jwt, jwt_required
from flask_jwt_extended.exceptions import NoAuthorizationError
from jwt.exceptions import InvalidTokenError, PyJWTError

from todo_service.api.fields import UNSTORABLE
from todo_service.api.problems import Code, Problem, unavailable
from todo_service.auth import rate_limit
from todo_service.auth.current_user import CurrentUser
from todo_service.auth.key_set import KeySet, KeysUnreachable
from todo_service.auth.keys import ALGORITHMS
from todo_service.auth.token_cache import TokenCache
from todo_service.config import Settings
from todo_service.db import schema_version
from todo_service.extensions import jwt

log = logging.getLogger(__name__)

LONGEST_SUBJECT = 255  # characters
LONGEST_CLAIM = 255  # characters kept of `email` and `name`

TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)  # RFC 7515 §7.1
CHALLENGE = 'Bearer realm="todo"'  # RFC 6750 §3
INVALID = f'{CHALLENGE}, error="invalid_token"'
EXPIRED = f'{INVALID}, error_description="Token has expired"'

Claims = dict[str, Any]
P = ParamSpec("P")
R = TypeVar("R")


class TokenRefused(InvalidTokenError):
    """A token that we refuse; the message says why in our own words, for the log."""


def signed_in(view: Callable[P, R]) -> Callable[P, R]:
    """Let only valid tokens, within their user's rate, reach the view; `current_user()` names the person.

    The token cache is the fast path: `jwt_required()` is stepped around for a token that passed it before
    and is still good. What is refused on either way, the loaders below answer.
    """

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        token = bearer_token()
        cache: TokenCache = current_app.extensions["token_cache"]
        g.current_user = cache.get(token) or verify(token)
        with rate_limit.slot(g.current_user.id):
            rate_limit.hit()
            schema_version.require_current()
            return view(*args, **kwargs)

    vars(guarded)["signed_in"] = True  # read by the docs
    return guarded


def bearer_token() -> str:
    """The bearer token of the request (RFC 6750 §2.1): all that stands behind `Bearer`. Flask-JWT-Extended
    would look for one in the middle of a list, too, where nobody means one to be.

    Raises:
        NoAuthorizationError: no bearer token was sent.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise NoAuthorizationError("no bearer token")
    return token.strip(" ")


def verify(token: str) -> CurrentUser:
    """Have Flask-JWT-Extended verify the token, written as it reads one: to it the scheme's case matters.

    Raises:
        TokenRefused: it is no JWT at all.
    """
    if not TOKEN.fullmatch(token):
        raise TokenRefused("malformed")
    request.environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return verified_user(token)


def cache_verified(token: str) -> CurrentUser:
    """The principal of the token that was verified just now; the cache knows it from here on."""
    claims = get_jwt()
    user = CurrentUser(claims["sub"], storable_claim(claims.get("email")), storable_claim(claims.get("name")))
    cache: TokenCache = current_app.extensions["token_cache"]
    cache.put(token, user, int(claims["exp"]), g.get("key_generation"))
    return user


verified_user: Callable[[str], CurrentUser] = jwt_required()(cache_verified)


def storable_claim(claim: object) -> str | None:
    """A claim as it is stored: text that a database can hold, cut to LONGEST_CLAIM; None of another type."""
    return UNSTORABLE.sub("", claim)[:LONGEST_CLAIM] if isinstance(claim, str) else None


def init_app(app: Flask, settings: Settings) -> None:
    """Set up verification; with a shared secret, with the auth server's key set, or with both."""
    algorithms = ["HS256"] if settings.better_auth_secret else []
    if settings.key_set_url:
        algorithms += {name for names in ALGORITHMS.values() for name in names}
    app.config["JWT_SECRET_KEY"] = settings.better_auth_secret or None
    app.config["JWT_DECODE_ALGORITHMS"] = algorithms
    app.config["JWT_ALGORITHM"] = algorithms[0]  # is accepted too; left alone, HS256 would be
    app.config["JWT_DECODE_LEEWAY"] = timedelta(seconds=settings.jwt_leeway)
    app.extensions["key_set"] = key_set = KeySet(settings.key_set_url)
    app.extensions["token_cache"] = TokenCache(key_set, settings.jwt_leeway)
    app.extensions["token_origin"] = (settings.issuer, settings.audience)
    jwt.init_app(app)
    # A key that does not fit its algorithm, say, which is no InvalidTokenError.
    app.register_error_handler(PyJWTError, lambda error: invalid_token(str(error)))


@jwt.decode_key_loader
def verification_key(header: Claims, _claims: Claims) -> Any:
    """The key to verify with, chosen by the algorithm's family, so that no public key is ever a secret.

    Raises:
        TokenRefused: there is none.
        Problem: 503, there is none at the moment.
    """
    algorithm = header.get("alg", "none")
    if algorithm not in current_app.config["JWT_DECODE_ALGORITHMS"]:
        raise TokenRefused("algorithm not accepted")
    if algorithm == "HS256":
        return current_app.config["JWT_SECRET_KEY"]
    if "kid" not in header:
        raise TokenRefused("no key named")
    key_set: KeySet = current_app.extensions["key_set"]
    g.key_generation = key_set.generation  # before it is asked: what it learns meanwhile may contradict
    try:
        key = key_set.find(header["kid"], algorithm)
    except KeysUnreachable as error:
        detail = "The sign-in server's keys are not available at the moment."
        raise unavailable(detail, error.retry_after) from error
    if key is None:
        raise TokenRefused("key not known, or not for this algorithm")
    return key


@jwt.token_verification_loader
def verify_claims(header: Claims, claims: Claims) -> bool:
    """Check what the libraries leave open: `exp` is required, times are numbers, `sub` can be stored.

    Only tokens of the key set must name their issuer and audience: anyone may hold a token of that
    server for another service, while the shared secret is shared with us alone.

    Raises:
        TokenRefused: one of the claims is not as it must be.
    """
    if "exp" not in claims:
        raise TokenRefused("no exp")
    if not all(type(claims.get(time, 0)) in (int, float) for time in ("exp", "iat", "nbf")):
        raise TokenRefused("a time is no number")
    if not 0 < len(claims["sub"]) <= LONGEST_SUBJECT or UNSTORABLE.search(claims["sub"]):
        raise TokenRefused("sub is no user id")
    if header["alg"] != "HS256":
        issuer, audience = current_app.extensions["token_origin"]
        named = claims.get("aud")
        if claims.get("iss") != issuer:
            raise TokenRefused("another issuer")
        if audience not in (named if isinstance(named, list) else [named]):
            raise TokenRefused("another audience")
    return True


@jwt.unauthorized_loader
def missing_token(_message: str) -> Response:
    return unauthorized("missing_token", "Missing authentication token", CHALLENGE)


@jwt.invalid_token_loader
def invalid_token(_message: str) -> Response:
    """401; the log tells why. Not by the message, as those of the libraries may quote the token."""
    error = sys.exception()  # error handlers run while it is being handled
    log.info("token refused: %s", error if isinstance(error, TokenRefused) else type(error).__name__)
    return unauthorized("invalid_token", "Invalid token", INVALID)


@jwt.expired_token_loader
def expired_token(_header: Claims, _claims: Claims) -> Response:
    log.info("token refused: expired")
    return unauthorized("token_expired", "Token has expired", EXPIRED)


def unauthorized(code: Code, detail: str, challenge: str) -> Response:
    """401 with the challenge of RFC 6750 §3; or 429, where too many came from the same address."""
    refused = Problem(401, code, detail, headers={"WWW-Authenticate": challenge})
    return (rate_limit.hit_address() or refused).response()
