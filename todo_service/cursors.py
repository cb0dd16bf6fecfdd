"""Opaque tokens that clients hand back: signed, so that none is altered or used where it does not belong."""

from hashlib import sha256
from typing import Any

import orjson
from flask import Flask, current_app
from itsdangerous import BadSignature, URLSafeSerializer

from todo_service.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    # The same on every host that serves the same users. A token tells nothing and opens nothing but a
    # position in its owner's own list, so without a shared secret the database's address will do.
    known_to_all = settings.better_auth_secret or settings.database_url.render_as_string(hide_password=False)
    app.extensions["token_key"] = sha256(f"cursors\n{known_to_all}".encode()).digest()


def seal(values: list[Any], *bound_to: object) -> str:
    """A token of these values, which `unseal` opens with the same `bound_to` only; moments become text."""
    return str(serializer(bound_to).dumps(orjson.loads(orjson.dumps(values))))


def unseal(token: str, *bound_to: object) -> list[Any]:
    """What was sealed.

    Raises:
        ValueError: the token was altered, made elsewhere, or is bound to something else.
    """
    try:
        values: list[Any] = serializer(bound_to).loads(token)
    except BadSignature:
        raise ValueError("not a token of ours") from None
    return values


def serializer(bound_to: tuple[object, ...]) -> URLSafeSerializer:
    key = current_app.extensions["token_key"]
    return URLSafeSerializer(key, salt=orjson.dumps(bound_to), signer_kwargs={"digest_method": sha256})
