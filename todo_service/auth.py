"""Who is asking: bearer tokens of the auth server, verified by Flask-JWT-Extended (contract §2)."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import Flask, Response, current_app, g, request
from flask_jwt_extended import get_jwt, get_jwt_header, verify_jwt_in_request
from flask_jwt_extended.exceptions import JWTExtendedException, NoAuthorizationError
from jwt.exceptions import InvalidTokenError, PyJWTError

from todo_service import rate_limit, schema_version
from todo_service.config import Settings
from todo_service.errors import Problem, unavailable
from todo_service.extensions import jwt
from todo_service.keys import ALGORITHMS, KeySet, KeysUnreachable
from todo_service.known_tokens import CurrentUser, KnownTokens
from todo_service.wire import UNSTORABLE

LONGEST_SUBJECT = 255  # characters
LONGEST_CLAIM = 255  # characters kept of `email` and `name`

TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)  # RFC 7515 §7.1
INVALID = 'Bearer error="invalid_token"'

Claims = dict[str, Any]
P = ParamSpec("P")
R = TypeVar("R")


def signed_in(view: Callable[P, R]) -> Callable[P, R]:
    """Let only valid tokens, within their user's rate, reach the view; `current_user()` names the person."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        g.current_user = person = verified()
        rate_limit.spend(person.id)
        schema_version.require_current()
        return view(*args, **kwargs)

    return guarded


def current_user() -> CurrentUser:
    person: CurrentUser = g.current_user
    return person


def verified() -> CurrentUser:
    """Whom the request's token speaks for. One that was verified before need not be verified again.

    Raises:
        JWTExtendedException, InvalidTokenError: refused; the handlers below make it a 401.
        Problem: 503, there is no key to verify it with.
    """
    token = bearer_token()
    known: KnownTokens = current_app.extensions["known_tokens"]
    if person := known.find(token):
        return person
    generation = known.key_set.generation  # before it is asked: what it learns meanwhile may contradict
    verify(token)
    claims = get_jwt()
    person = CurrentUser(claims["sub"], kept(claims.get("email")), kept(claims.get("name")))
    is_of_key_set = get_jwt_header()["alg"] != "HS256"
    known.note(token, person, int(claims["exp"]), generation if is_of_key_set else None)
    return person


def verify(token: str) -> None:
    if not TOKEN.fullmatch(token):
        raise InvalidTokenError("malformed")
    # To Flask-JWT-Extended the scheme's case matters, which it does not (RFC 9110 §11.1).
    request.environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    try:
        verify_jwt_in_request()
    except (JWTExtendedException, InvalidTokenError):
        raise
    except KeysUnreachable as error:
        detail = "The sign-in server's keys are not available at the moment."
        raise unavailable(detail, error.retry_after) from error
    except (PyJWTError, TypeError, ValueError) as error:
        # A key that does not fit the token, say: Flask-JWT-Extended handles InvalidTokenError only.
        raise InvalidTokenError("malformed") from error


def bearer_token() -> str:
    """What stands behind `Bearer`: all of it, while Flask-JWT-Extended looks for a token in the middle of a
    list, where nobody means one to be."""
    sent = request.headers.get("Authorization", "")
    scheme, _, token = sent.partition(" ")
    if scheme.lower() != "bearer":
        raise NoAuthorizationError("no bearer token")
    return token.strip(" ")


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
    app.extensions["known_tokens"] = KnownTokens(key_set, settings.jwt_leeway)
    app.extensions["token_origin"] = (settings.issuer, settings.audience)
    jwt.init_app(app)


@jwt.decode_key_loader
def key_for(header: Claims, _claims: Claims) -> Any:
    """The key to verify with, chosen by the algorithm's family, so that no public key is ever a secret."""
    algorithm = header.get("alg")
    if algorithm not in current_app.config["JWT_DECODE_ALGORITHMS"]:
        raise InvalidTokenError("algorithm not accepted")
    if algorithm == "HS256":
        return current_app.config["JWT_SECRET_KEY"]
    if "kid" not in header:
        raise InvalidTokenError("no key named")
    key = current_app.extensions["key_set"].find(header["kid"], algorithm)
    if key is None:
        raise InvalidTokenError("key not known")
    return key


@jwt.token_verification_loader
def claims_are_sound(header: Claims, claims: Claims) -> bool:
    """Check what the libraries leave open: `exp` is required, times are numbers, `sub` can be stored.

    Only tokens of the key set must name their issuer and audience: anyone may hold a token of that
    server for another service, while the shared secret is shared with us alone.
    """
    times = [claims[name] for name in ("exp", "iat", "nbf") if name in claims]
    subject = claims["sub"]
    return (
        "exp" in claims
        and all(isinstance(time, int | float) and not isinstance(time, bool) for time in times)
        and 0 < len(subject) <= LONGEST_SUBJECT
        and not UNSTORABLE.search(subject)
        and (header["alg"] == "HS256" or is_for_us(claims))
    )


def is_for_us(claims: Claims) -> bool:
    issuer, audience = current_app.extensions["token_origin"]
    named = claims.get("aud")
    audiences = named if isinstance(named, list) else [named]
    return claims.get("iss") == issuer and audience in audiences


@jwt.unauthorized_loader
def missing(_reason: str) -> Response:
    return refusal("missing_token", "Missing authentication token", "Bearer")


@jwt.invalid_token_loader
def invalid(_reason: str) -> Response:
    return refusal("invalid_token", "Invalid token", INVALID)


@jwt.token_verification_failed_loader
def unsound(_header: Claims, _claims: Claims) -> Response:
    return refusal("invalid_token", "Invalid token", INVALID)


@jwt.expired_token_loader
def expired(_header: Claims, _claims: Claims) -> Response:
    challenge = 'Bearer error="invalid_token", error_description="Token has expired"'
    return refusal("token_expired", "Token has expired", challenge)


def refusal(code: str, detail: str, challenge: str) -> Response:
    """401 with the challenge of RFC 6750 §3; or 429, where too many came from the same address."""
    refused = Problem(401, code, detail, headers={"WWW-Authenticate": challenge})
    return (rate_limit.refuse_address() or refused).response()
