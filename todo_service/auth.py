"""Who is asking: bearer tokens of the auth server, verified by Flask-JWT-Extended (contract §2)."""

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

from todo_service import rate_limit, schema_version
from todo_service.config import Settings
from todo_service.errors import Problem, unavailable
from todo_service.extensions import jwt
from todo_service.fields import UNSTORABLE
from todo_service.key_set import KeySet, KeysUnreachable
from todo_service.keys import ALGORITHMS
from todo_service.token_cache import CurrentUser, TokenCache

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

    def serve(*args: P.args, **kwargs: P.kwargs) -> R:
        rate_limit.hit(current_user().id)
        schema_version.require_current()
        return view(*args, **kwargs)

    def remember_and_serve(*args: P.args, **kwargs: P.kwargs) -> R:
        g.current_user = remember(bearer_token(), get_jwt())
        return serve(*args, **kwargs)

    verify_and_serve: Callable[P, R] = jwt_required()(remember_and_serve)

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        token = bearer_token()
        if user := token_cache().get(token):
            g.current_user = user
            return serve(*args, **kwargs)
        present(token)
        return verify_and_serve(*args, **kwargs)

    vars(guarded)["signed_in"] = True  # read by the docs
    return guarded


def current_user() -> CurrentUser:
    user: CurrentUser = g.current_user
    return user


def token_cache() -> TokenCache:
    cache: TokenCache = current_app.extensions["token_cache"]
    return cache


def bearer_token() -> str:
    """What stands behind `Bearer`: all of it, while Flask-JWT-Extended looks for a token in the middle of a
    list, where nobody means one to be.

    Raises:
        NoAuthorizationError: no bearer token was sent.
    """
    sent = request.headers.get("Authorization", "")
    scheme, _, token = sent.partition(" ")
    if scheme.lower() != "bearer":
        raise NoAuthorizationError("no bearer token")
    return token.strip(" ")


def present(token: str) -> None:
    """Write the token as Flask-JWT-Extended reads it, to which the scheme's case matters (RFC 9110 §11.1).

    Raises:
        TokenRefused: it is no JWT at all.
    """
    if not TOKEN.fullmatch(token):
        raise TokenRefused("malformed")
    request.environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"


def remember(token: str, claims: Claims) -> CurrentUser:
    """Whom a token speaks for that was verified just now; it need not be again while it is good."""
    user = CurrentUser(claims["sub"], kept(claims.get("email")), kept(claims.get("name")))
    token_cache().put(token, user, int(claims["exp"]), g.get("key_generation"))
    return user


def kept(claim: object) -> str | None:
    """What is stored of a claim: text a database can hold, cut to length; anything else is dropped."""
    return UNSTORABLE.sub("", claim)[:LONGEST_CLAIM] if isinstance(claim, str) else None


def init_app(app: Flask, settings: Settings) -> None:
    """Set up verification; with a shared secret, with the auth server's key set, or with both."""
    by_secret = ["HS256"] if settings.better_auth_secret else []
    by_key_set = list(ALGORITHMS) if settings.key_set_url else []
    algorithms = by_secret + by_key_set
    app.config["JWT_SECRET_KEY"] = settings.better_auth_secret or None
    app.config["JWT_DECODE_ALGORITHMS"] = algorithms
    # The extension accepts this one too, HS256 if it is not set.
    app.config["JWT_ALGORITHM"] = algorithms[0]
    app.config["JWT_DECODE_LEEWAY"] = timedelta(seconds=settings.jwt_leeway)
    app.extensions["key_set"] = key_set = KeySet(settings.key_set_url)
    app.extensions["token_cache"] = TokenCache(key_set, settings.jwt_leeway)
    app.extensions["token_origin"] = (settings.issuer, settings.audience)
    jwt.init_app(app)
    # A key that does not fit its algorithm, say, which is no InvalidTokenError.
    app.register_error_handler(PyJWTError, lambda error: invalid(str(error)))


@jwt.decode_key_loader
def key_for(header: Claims, _claims: Claims) -> Any:
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
    return published_key(header["kid"], algorithm)


def published_key(kid: str, algorithm: str) -> Any:
    key_set: KeySet = current_app.extensions["key_set"]
    g.key_generation = key_set.generation  # before it is asked: what it learns meanwhile may contradict
    try:
        key = key_set.find(kid, algorithm)
    except KeysUnreachable as error:
        detail = "The sign-in server's keys are not available at the moment."
        raise unavailable(detail, error.retry_after) from error
    if key is None:
        raise TokenRefused("key not known, or not for this algorithm")
    return key


@jwt.token_verification_loader
def claims_are_sound(header: Claims, claims: Claims) -> bool:
    """Check what the libraries leave open.

    Raises:
        TokenRefused: one of the claims is not as it must be.
    """
    if flaw := flaw_of(header, claims):
        raise TokenRefused(flaw)
    return True


def flaw_of(header: Claims, claims: Claims) -> str | None:
    """What is wrong with the claims: `exp` is required, times are numbers, `sub` can be stored.

    Only tokens of the key set must name their issuer and audience: anyone may hold a token of that
    server for another service, while the shared secret is shared with us alone.
    """
    if "exp" not in claims:
        return "no exp"
    times = [claims[name] for name in ("exp", "iat", "nbf") if name in claims]
    if not all(isinstance(time, int | float) and not isinstance(time, bool) for time in times):
        return "a time is no number"
    if not 0 < len(claims["sub"]) <= LONGEST_SUBJECT or UNSTORABLE.search(claims["sub"]):
        return "sub is no user id"
    return None if header["alg"] == "HS256" else foreign(claims)


def foreign(claims: Claims) -> str | None:
    """Why a token of the key set is not meant for us, if it is not."""
    issuer, audience = current_app.extensions["token_origin"]
    named = claims.get("aud")
    if claims.get("iss") != issuer:
        return "another issuer"
    return None if audience in (named if isinstance(named, list) else [named]) else "another audience"


@jwt.unauthorized_loader
def missing(_message: str) -> Response:
    return refusal("missing_token", "Missing authentication token", CHALLENGE)


@jwt.invalid_token_loader
def invalid(_message: str) -> Response:
    """401; the log tells why. Not by the message, as those of the libraries may quote the token."""
    error = sys.exception()  # error handlers run while it is being handled
    log.info("token refused: %s", error if isinstance(error, TokenRefused) else type(error).__name__)
    return refusal("invalid_token", "Invalid token", INVALID)


@jwt.expired_token_loader
def expired(_header: Claims, _claims: Claims) -> Response:
    log.info("token refused: expired")
    return refusal("token_expired", "Token has expired", EXPIRED)


def refusal(code: str, detail: str, challenge: str) -> Response:
    """401 with the challenge of RFC 6750 §3; or 429, where too many came from the same address."""
    refused = Problem(401, code, detail, headers={"WWW-Authenticate": challenge})
    return (rate_limit.hit_address() or refused).response()
