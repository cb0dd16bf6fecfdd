"""Cursors and sync tokens: opaque text that clients hand back, checked before any of it is believed.

They carry no authority, so nothing secret is behind them, and they outlive a change of secrets, hosts and
database passwords (contract §6). A checksum tells where a token belongs: to which user, with which filters. A
schema says what it may hold, for anybody can make one.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

import orjson
from marshmallow import Schema, ValidationError, fields, validate

from todo_service.api.fields import PRIORITIES, Timestamp
from todo_service.api.schemas import Input

CHECKSUM_CHARACTERS = 16

is_id = validate.Regexp(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
is_storable = validate.Regexp("[^\x00\ud800-\udfff]*\\Z")
is_position = validate.Regexp(r"[0-9a-z]{0,100}\Z")
is_revision = validate.Range(0, 2**63 - 1)
is_priority = validate.Range(1, len(PRIORITIES))


class CursorSchema(Input):
    """Where a page begins: the values of the sort keys of the row before it."""

    created_at = Timestamp(required=True)
    id = fields.String(required=True, validate=is_id)
    revision = fields.Integer(required=True, strict=True, validate=is_revision)
    title_key = fields.String(required=True, validate=is_storable)
    position = fields.String(required=True, validate=is_position)
    due_date = Timestamp(required=True, allow_none=True)
    priority = fields.Integer(required=True, strict=True, allow_none=True, validate=is_priority)


class SyncTokenSchema(Input):
    """How far a device has followed the changes feed."""

    revision = fields.Integer(required=True, strict=True, validate=is_revision)
    id = fields.String(required=True, allow_none=True, validate=is_id)
    floor = fields.Integer(required=True, strict=True, validate=is_revision)
    incarnation = Timestamp(required=True, allow_none=True, data_key="born")  # its name in old tokens


def encode(payload: dict[str, Any], *bound_to: object) -> str:
    """A token of this payload, which `decode` takes only with the same `bound_to`: the user, the filters."""
    body = urlsafe_b64encode(orjson.dumps(payload)).rstrip(b"=").decode()
    return f"{body}.{checksum(body, bound_to)}"


def decode(token: str, schema: Schema, *bound_to: object) -> dict[str, Any]:
    """What stands in a token.

    Raises:
        ValueError: it was altered, is bound to something else, or holds what the schema does not allow.
    """
    body, _, given = token.partition(".")
    if given != checksum(body, bound_to):
        raise ValueError("not a token of this kind")
    try:
        payload: dict[str, Any] = schema.load(json.loads(urlsafe_b64decode(body + "==")))
    except (ValidationError, RecursionError) as error:
        raise ValueError("nonsense, though well made") from error
    return payload


def checksum(body: str, bound_to: tuple[object, ...]) -> str:
    """The checksum of a token's body and what it is bound to. Its form outlives a deploy."""
    digest = sha256(orjson.dumps([body, *bound_to])).digest()
    return urlsafe_b64encode(digest).decode()[:CHECKSUM_CHARACTERS]
