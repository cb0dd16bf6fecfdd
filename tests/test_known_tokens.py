"""Tokens that were verified before: found faster, and never trusted for longer."""

import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.auth_server import AuthServer, SigningKey
from tests.people import Person, token_for
from tests.test_key_set import Clock
from todo_service import auth, create_app, known_tokens
from todo_service.config import Settings
from todo_service.keys import FRESH_SECONDS, KeySet
from todo_service.known_tokens import MOST, CurrentUser, KnownTokens

ADA = CurrentUser("ada", None, None)
FOR_LONG = 10**9  # seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(clock: Clock) -> KnownTokens:
    return KnownTokens(KeySet("", clock), 5, clock)


def test_a_known_token_speaks_for_its_person_until_it_expires(known: KnownTokens, clock: Clock) -> None:
    known.note("token", ADA, int(clock.now) + 60, None)
    assert known.find("token") == ADA
    assert known.find("another") is None
    clock.now += 60 + 4.9  # the leeway is 5
    assert known.find("token") == ADA
    clock.now += 0.1
    assert known.find("token") is None


def test_a_token_of_the_key_set_is_known_as_long_as_its_keys_are_fresh(
    known: KnownTokens, clock: Clock
) -> None:
    known.key_set.stale_at = clock.now + FRESH_SECONDS
    known.note("token", ADA, FOR_LONG, known.key_set.generation)
    assert known.find("token") == ADA
    clock.now += FRESH_SECONDS
    assert known.find("token") is None


def test_a_token_of_the_key_set_is_not_known_with_other_keys(known: KnownTokens, clock: Clock) -> None:
    known.key_set.stale_at = clock.now + FRESH_SECONDS
    known.note("token", ADA, FOR_LONG, known.key_set.generation)
    known.note("of the secret", ADA, FOR_LONG, None)
    known.key_set.generation += 1
    assert known.find("token") is None
    assert known.find("of the secret") == ADA


def test_no_more_are_kept_than_there_is_room_for(known: KnownTokens) -> None:
    for number in range(MOST + 10):
        known.note(str(number), ADA, FOR_LONG, None)
    assert len(known.people) == MOST
    assert known.find("9") is None
    assert known.find(str(MOST + 9)) == ADA


def test_tokens_themselves_are_not_kept(known: KnownTokens) -> None:
    known.note("secret token", ADA, FOR_LONG, None)
    assert "secret token" not in repr(known.people)


# ---- over HTTP


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens that were verified."""
    done: list[str] = []
    verify = auth.verify

    def noted(token: str) -> None:
        done.append(token)
        verify(token)

    monkeypatch.setattr(auth, "verify", noted)
    return done


def test_a_token_is_verified_once(ada: Person, verifications: list[str]) -> None:
    for _ in range(3):
        assert ada.get().status_code == 200
    assert len(verifications) <= 1


def get(client: FlaskClient, token: str) -> Any:
    return client.get("/api/tasks", headers={"Authorization": f"Bearer {token}"})


def test_a_refused_token_is_refused_again(client: FlaskClient, verifications: list[str]) -> None:
    expired = token_for("ada", exp=int(time.time()) - 1)
    for _ in range(2):
        assert get(client, expired).status_code == 401
    assert len(verifications) == 2


def test_a_known_token_with_another_signature_is_not_known(client: FlaskClient) -> None:
    token = token_for("ada")
    assert get(client, token).status_code == 200
    assert get(client, token[:-4] + "AAAA").status_code == 401


@pytest.fixture
def with_key_set(app: Flask, environment: dict[str, str], auth_server: AuthServer) -> Flask:
    return create_app(Settings.from_environ({**environment, "BETTER_AUTH_URL": auth_server.url}))


def test_a_known_token_whose_key_was_withdrawn_is_refused_with_the_next_keys(
    with_key_set: Flask, auth_server: AuthServer
) -> None:
    client = with_key_set.test_client()
    withdrawn = auth_server.token()
    assert get(client, withdrawn).status_code == 200
    auth_server.keys = [SigningKey("EdDSA")]
    assert get(client, auth_server.token()).status_code == 200  # which fetches the keys
    assert get(client, withdrawn).status_code == 401


def test_known_tokens_are_each_application_s_own(app: Flask, environment: dict[str, str]) -> None:
    token = token_for("ada")
    assert get(app.test_client(), token).status_code == 200
    other = create_app(Settings.from_environ({**environment, "BETTER_AUTH_SECRET": "another secret" * 3}))
    assert get(other.test_client(), token).status_code == 401


def test_a_digest_names_a_token() -> None:
    assert known_tokens.digest("a") != known_tokens.digest("b")
