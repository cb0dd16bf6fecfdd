"""Cursors and sync tokens (contract §6): no secret is behind them, and none that is made up hurts."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

import jwt
import pytest
from itsdangerous import URLSafeSerializer
from werkzeug.test import TestResponse

from tests.conftest import MakeApp
from tests.people import Person, body, claims_for

THE_LIST = ["all", ["created"], [], None, None, None, ""]  # as its filters and order are told by default


def token_of(payload: object, *bound_to: object) -> str:
    """A token as today's version makes them. Devices keep tokens for months, so this must not change."""
    encoded = urlsafe_b64encode(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    text = encoded.rstrip(b"=").decode()
    told = json.dumps([text, *bound_to], separators=(",", ":"), ensure_ascii=False).encode()
    return f"{text}.{urlsafe_b64encode(sha256(told).digest())[:16].decode()}"


def payload_of(token: str) -> dict[str, Any]:
    found = json.loads(urlsafe_b64decode(token.partition(".")[0] + "=="))
    assert isinstance(found, dict)
    return found


@pytest.fixture
def cursor(ada: Person) -> str:
    for number in range(3):
        ada.adds(str(number))
    link = ada.get("/api/tasks?limit=1").headers["Link"]
    return link.partition("cursor=")[2].partition(">")[0]


@pytest.fixture
def sync_token(ada: Person) -> str:
    ada.adds()
    return str(body(ada.get("/api/tasks/changes"))["token"])


def is_no_cursor(answer: TestResponse) -> bool:
    return answer.status_code == 400 and list(body(answer)["errors"]) == ["cursor"]


def is_no_sync_token(answer: TestResponse) -> bool:
    return answer.status_code == 410 and body(answer)["code"] == "sync_token_expired"


def test_tokens_are_made_as_they_have_ever_been(cursor: str, sync_token: str) -> None:
    assert cursor == token_of_compact(payload_of(cursor), "ada", *THE_LIST)
    assert sync_token == token_of_compact(payload_of(sync_token), "ada")
    assert set(payload_of(cursor)) == {"created_at", "id"}
    assert set(payload_of(sync_token)) == {"revision", "id", "floor", "born"}


def token_of_compact(payload: object, *bound_to: object) -> str:
    return token_of(json.dumps(payload, separators=(",", ":")).encode(), *bound_to)


def test_tokens_survive_other_secrets(make_app: MakeApp, cursor: str, sync_token: str) -> None:
    secret = "another secret that only this test knows"
    other = make_app(BETTER_AUTH_SECRET=secret)
    with_other_secret = Person(other.test_client(), "ada")
    with_other_secret.authorization = f"Bearer {jwt.encode(claims_for('ada'), secret)}"
    assert with_other_secret.get(f"/api/tasks?cursor={cursor}").status_code == 200
    assert with_other_secret.get(f"/api/tasks/changes?since={sync_token}").status_code == 200


CURSOR_NONSENSE: list[object] = [
    {"created_at": "2026-13-01T00:00:00", "id": "0"},
    {"created_at": None, "id": "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"},
    {"created_at": 5, "id": "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"},
    {"created_at": "2026-01-01T00:00:00", "id": "x"},
    {"created_at": "2026-01-01T00:00:00", "id": {"a": 1}},
    {"created_at": "2026-01-01T00:00:00"},
    {"created_at": "2026-01-01T00:00:00", "id": "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11", "more": 1},
    [],
    None,
    7,
    "x",
    b"\xff",
    b"NaN",
    b"[" * 3000,
    b"",
]


@pytest.mark.parametrize("payload", CURSOR_NONSENSE, ids=lambda value: str(value)[:60])
def test_a_cursor_of_nonsense_is_refused_however_well_made(ada: Person, payload: object) -> None:
    ada.adds()
    assert is_no_cursor(ada.get(f"/api/tasks?cursor={token_of(payload, 'ada', *THE_LIST)}"))


@pytest.mark.parametrize(
    ("sort", "payload"),
    [
        ("title", {"title_key": "\x00"}),
        ("title", {"title_key": "\ud800"}),
        ("title", {"title_key": None}),
        ("updated", {"revision": 2**63}),
        ("updated", {"revision": -1}),
        ("updated", {"revision": "5"}),
        ("updated", {"revision": 1.5}),
        ("updated", {"revision": True}),
        ("priority", {"priority": 4}),
        ("priority", {"priority": 10**30}),
        ("due_date", {"due_date": "0000-01-01"}),
    ],
)
def test_a_cursor_with_a_nonsense_key_is_refused(ada: Person, sort: str, payload: dict[str, Any]) -> None:
    ada.adds()
    newest = {"created_at": "2026-01-01T00:00:00", "id": "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"}
    keys = payload if sort == "updated" else {**payload, **newest}
    token = token_of(keys, "ada", "all", [sort], [], None, None, None, "")
    assert is_no_cursor(ada.get(f"/api/tasks?sort={sort}&cursor={token}"))


@pytest.mark.parametrize(
    "changes",
    [
        {"revision": 2**63},
        {"revision": -1},
        {"revision": None},
        {"revision": "1"},
        {"id": "x"},
        {"id": 5},
        {"floor": 2**64},
        {"born": "yesterday"},
        {"born": 5},
        {"more": 1},
    ],
    ids=str,
)
def test_a_sync_token_of_nonsense_is_refused_however_well_made(
    ada: Person, sync_token: str, changes: dict[str, Any]
) -> None:
    payload = payload_of(sync_token)
    assert ada.get(f"/api/tasks/changes?since={token_of(payload, 'ada')}").status_code == 200
    assert is_no_sync_token(ada.get(f"/api/tasks/changes?since={token_of(payload | changes, 'ada')}"))


def test_tokens_of_the_signed_format_before_are_refused(ada: Person) -> None:
    ada.adds()
    signed = URLSafeSerializer(b"x" * 32, salt=b'["ada"]', signer_kwargs={"digest_method": sha256})
    token = signed.dumps([1, None, 1, "2026-01-01T00:00:00"])
    assert is_no_sync_token(ada.get(f"/api/tasks/changes?since={token}"))
    assert is_no_cursor(ada.get(f"/api/tasks?cursor={token}"))
