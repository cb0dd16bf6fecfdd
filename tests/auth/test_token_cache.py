"""Tokens that were verified before: found faster, and never trusted for longer."""

import sys
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.auth_server import AuthServer, SigningKey
from tests.clock import Clock
from tests.conftest import MakeApp
from tests.load import at_once
from tests.people import Person, token_for
from todo_service.auth.current_user import CurrentUser
from todo_service.auth.key_set import FRESH_SECONDS, KeySet
from todo_service.auth.token_cache import TokenCache

ADA = CurrentUser("ada", None, None)
FOR_LONG = 10**9  # seconds
ROOM = 50  # tokens


@pytest.fixture
def key_set(auth_server: AuthServer, clock: Clock) -> KeySet:
    return KeySet(f"{auth_server.url}/api/auth/jwks", clock)


@pytest.fixture
def cache(key_set: KeySet, clock: Clock) -> TokenCache:
    return TokenCache(key_set, 5, ROOM, clock)


def test_a_cached_token_speaks_for_its_user_until_it_expires(cache: TokenCache, clock: Clock) -> None:
    cache.put("token", ADA, int(clock.now) + 60, None)
    assert cache.get("token") == ADA
    assert cache.get("another") is None
    clock.now += 60 + 4.9  # the leeway is 5
    assert cache.get("token") == ADA
    clock.now += 0.1
    assert cache.get("token") is None


@pytest.mark.parametrize("expires", [FOR_LONG, 10**400])
def test_a_token_may_be_good_for_however_long(cache: TokenCache, expires: int) -> None:
    cache.put("token", ADA, expires, None)
    assert cache.get("token") == ADA


def test_a_token_of_the_key_set_is_cached_as_long_as_its_keys_are_fresh(
    cache: TokenCache, key_set: KeySet, auth_server: AuthServer, clock: Clock
) -> None:
    assert key_set.find(auth_server.keys[0].kid, "EdDSA")
    cache.put("token", ADA, FOR_LONG, key_set.generation)
    assert cache.get("token") == ADA
    clock.now += FRESH_SECONDS
    assert cache.get("token") is None


def test_a_token_of_the_key_set_is_not_found_with_other_keys(
    cache: TokenCache, key_set: KeySet, auth_server: AuthServer
) -> None:
    assert key_set.find(auth_server.keys[0].kid, "EdDSA")
    cache.put("token", ADA, FOR_LONG, key_set.generation)
    cache.put("of the secret", ADA, FOR_LONG, None)
    assert key_set.find(auth_server.rotate().kid, "EdDSA")
    assert cache.get("token") is None
    assert cache.get("of the secret") == ADA


def test_the_token_that_was_not_asked_for_the_longest_makes_room(cache: TokenCache) -> None:
    for number in range(ROOM):
        cache.put(str(number), ADA, FOR_LONG, None)
    assert cache.get("0") == ADA
    cache.put("one more", ADA, FOR_LONG, None)
    assert cache.get("1") is None
    assert cache.get("0") == cache.get("one more") == ADA


def test_tokens_themselves_are_not_kept(cache: TokenCache) -> None:
    cache.put("secret token", ADA, FOR_LONG, None)
    assert "secret token" not in repr(cache.verified)


@pytest.fixture
def restless_threads() -> Iterator[None]:
    """Threads take turns a thousand times as often as usual."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 1000)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("restless_threads")
def test_a_full_cache_never_fails_under_many_threads(cache: TokenCache, clock: Clock) -> None:
    def use(thread: int) -> None:
        for number in range(1000):
            clock.now += 0.01
            cache.put(f"{thread}-{number}", ADA, int(clock.now) + 1 + number % 7, None)
            cache.get(f"{thread}-{number - 1}")

    at_once(8, use)
    cache.put("last", ADA, FOR_LONG, None)
    assert cache.get("last") == ADA


# ---- over HTTP


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens that PyJWT was asked to read, which no answer tells."""
    done: list[str] = []
    decode = jwt.decode

    def noted(token: str, *args: Any, **kwargs: Any) -> Any:
        done.append(token)
        return decode(token, *args, **kwargs)

    monkeypatch.setattr(jwt, "decode", noted)
    return done


def test_a_token_is_verified_once(client: FlaskClient, verifications: list[str]) -> None:
    ada = Person(client, "ada", name="whom nobody has seen before")
    assert ada.get().status_code == 200
    once = len(verifications)
    assert ada.get().status_code == ada.get().status_code == 200
    assert 0 < once == len(verifications)


def get(client: FlaskClient, token: str) -> Any:
    return client.get("/api/tasks", headers={"Authorization": f"Bearer {token}"})


def test_a_refused_token_is_refused_again(client: FlaskClient, verifications: list[str]) -> None:
    expired = token_for("ada", exp=int(time.time()) - 1)
    assert get(client, expired).status_code == 401
    once = len(verifications)
    assert get(client, expired).status_code == 401
    assert 0 < once < len(verifications)


def test_a_cached_token_with_another_signature_is_not_known(client: FlaskClient) -> None:
    token = token_for("ada")
    assert get(client, token).status_code == 200
    assert get(client, token[:-4] + "AAAA").status_code == 401


@pytest.fixture
def with_key_set(make_app: MakeApp, auth_server: AuthServer) -> Flask:
    return make_app(BETTER_AUTH_URL=auth_server.url)


def test_a_cached_token_whose_key_was_withdrawn_is_refused_with_the_next_keys(
    with_key_set: Flask, auth_server: AuthServer
) -> None:
    client = with_key_set.test_client()
    withdrawn = auth_server.token()
    assert get(client, withdrawn).status_code == 200
    auth_server.keys = [SigningKey("EdDSA")]
    assert get(client, auth_server.token()).status_code == 200  # which fetches the keys
    assert get(client, withdrawn).status_code == 401


def test_cached_tokens_are_each_application_s_own(app: Flask, make_app: MakeApp) -> None:
    token = token_for("ada")
    assert get(app.test_client(), token).status_code == 200
    other = make_app(BETTER_AUTH_SECRET="another secret" * 3)
    assert get(other.test_client(), token).status_code == 401
