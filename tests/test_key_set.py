"""The key set (contract §2): cached, fetched sparingly, and no reason to hang or to fail."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.auth_server import AuthServer, SigningKey
from tests.people import body, token_for
from todo_service import create_app
from todo_service.config import Settings
from todo_service.keys import (
    BURST,
    FRESH_SECONDS,
    MAX_BYTES,
    PATIENT_REQUESTS,
    REFILL_SECONDS,
    KeySet,
    KeysUnreachable,
)

UNKNOWN = "no such key"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def key_set(auth_server: AuthServer, clock: Clock) -> KeySet:
    return KeySet(f"{auth_server.url}/api/auth/jwks", clock)


def test_known_keys_are_fetched_once(key_set: KeySet, auth_server: AuthServer) -> None:
    for _ in range(100):
        assert key_set.find(auth_server.keys[0].kid, "EdDSA")
    assert auth_server.fetches == 1


def test_a_rotated_key_is_known_with_the_first_token_that_uses_it(
    key_set: KeySet, auth_server: AuthServer
) -> None:
    old = auth_server.keys[0]
    assert key_set.find(old.kid, "EdDSA")
    assert key_set.find(auth_server.rotate().kid, "EdDSA")
    assert key_set.find(old.kid, "EdDSA")
    assert auth_server.fetches == 2


def test_a_flood_of_unknown_keys_fetches_no_more_than_the_bucket_holds(
    key_set: KeySet, auth_server: AuthServer, clock: Clock
) -> None:
    assert key_set.find(auth_server.keys[0].kid, "EdDSA")
    for number in range(500):
        assert key_set.find(f"bogus-{number}", "EdDSA") is None
    assert auth_server.fetches == BURST
    clock.now += REFILL_SECONDS
    for number in range(500):
        assert key_set.find(f"more-{number}", "EdDSA") is None
    assert auth_server.fetches == BURST + 1


def test_a_flood_locks_a_rotated_key_out_for_no_longer_than_one_refill(
    key_set: KeySet, auth_server: AuthServer, clock: Clock
) -> None:
    for number in range(500):
        key_set.find(f"bogus-{number}", "EdDSA")
    new = auth_server.rotate()
    clock.now += REFILL_SECONDS
    assert key_set.find(UNKNOWN, "EdDSA") is None  # the flood goes on, and its fetch brings the key
    assert key_set.find(new.kid, "EdDSA")


def redirect(request: Any) -> None:
    AuthServer.reply(request, "", 302, Location="/api/auth/jwks?")


def flood(request: Any) -> None:
    AuthServer.reply(request, json.dumps({"keys": [], "padding": "x" * MAX_BYTES}))


def drip(request: Any) -> None:
    request.send_response(200)
    request.end_headers()
    for _ in range(100):
        request.wfile.write(b" ")
        time.sleep(0.1)


def drip_headers(request: Any) -> None:
    for letter in b"HTTP/1.1 200 OK" + b"\r\nX: y" * 100:
        request.wfile.write(bytes([letter]))
        time.sleep(0.1)


def answers(text: str, status: int = 200) -> Callable[[Any], None]:
    return lambda request: AuthServer.reply(request, text, status)


SHORT = {"kty": "RSA", "kid": UNKNOWN, "e": "AQAB", "n": "x" * 170}  # 1020 bits
PUBLIC_SECRET = json.dumps({"keys": [{"kty": "oct", "kid": UNKNOWN, "k": "c2VjcmV0", "alg": "HS256"}]})
BROKEN = {
    "500": answers("", 500),
    "404": answers("", 404),
    "a redirect": redirect,
    "an answer too large": flood,
    "an answer that drips": drip,
    "an answer whose header drips": drip_headers,
    "a short RSA key": answers(json.dumps({"keys": [SHORT]})),
    "no JSON": answers("<html>"),
    "nothing": answers(""),
    "a list": answers("[]"),
    "null": answers("null"),
    "no keys": answers('{"keys": []}'),
    "keys that are no list": answers('{"keys": 5}'),
    "keys that are no objects": answers('{"keys": [1, null, "x", []]}'),
    "a nameless key": answers('{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}]}'),
    "a secret": answers(PUBLIC_SECRET),
    "a key for encryption": answers(
        json.dumps({"keys": [{**SigningKey().jwk, "kid": UNKNOWN, "use": "enc"}]})
    ),
    "a broken key": answers('{"keys": [{"kid": "no such key", "kty": "OKP", "crv": "Ed25519", "x": "AA"}]}'),
    "deep nesting": answers('{"keys": ' + "[" * 20_000 + "]" * 20_000 + "}"),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_auth_server_is_unreachable_and_spends_the_bucket(
    key_set: KeySet, auth_server: AuthServer, answer: Callable[[Any], None]
) -> None:
    auth_server.answer = answer
    for _ in range(BURST + 5):
        with pytest.raises(KeysUnreachable) as refused:
            key_set.find(UNKNOWN, "EdDSA")
    assert 1 <= refused.value.retry_after <= REFILL_SECONDS
    assert auth_server.fetches <= BURST


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
def test_known_keys_survive_whatever_the_auth_server_does_next(
    key_set: KeySet, auth_server: AuthServer, clock: Clock, answer: Callable[[Any], None]
) -> None:
    known = auth_server.keys[0].kid
    assert key_set.find(known, "EdDSA")
    auth_server.answer = answer
    clock.now += FRESH_SECONDS
    with suppress(KeysUnreachable):  # where the answer is not here in time
        assert key_set.find(UNKNOWN, "EdDSA") is None
    assert key_set.find(known, "EdDSA")


def test_usable_keys_count_beside_unusable_ones(key_set: KeySet, auth_server: AuthServer) -> None:
    good = auth_server.keys[0].jwk
    auth_server.answer = answers(
        json.dumps({"keys": [None, {"kty": "oct"}, {"kid": "x", "kty": "EC"}, good]})
    )
    assert key_set.find(good["kid"], "EdDSA")
    assert key_set.find("x", "ES256") is None


@pytest.mark.parametrize(
    ("kind", "algorithm"), [("ES384", "ES256"), ("RS256", "ES256"), ("EdDSA", "RS256"), ("ES256", "EdDSA")]
)
def test_a_key_that_names_no_algorithm_still_serves_its_kind_only(
    key_set: KeySet, auth_server: AuthServer, kind: str, algorithm: str
) -> None:
    key = auth_server.rotate(kind)
    del key.jwk["alg"]
    assert key_set.find(key.kid, kind)
    assert key_set.find(key.kid, algorithm) is None


def test_a_withdrawn_key_stops_counting_once_the_keys_are_stale(
    key_set: KeySet, auth_server: AuthServer, clock: Clock
) -> None:
    withdrawn, kept = auth_server.keys[0], auth_server.rotate()
    assert key_set.find(withdrawn.kid, "EdDSA")
    auth_server.keys = [kept]
    clock.now += FRESH_SECONDS
    key_set.find(kept.kid, "EdDSA")  # starts the fetch and does not wait for it
    assert key_set.fetch_done.wait(5)
    assert key_set.find(withdrawn.kid, "EdDSA") is None
    assert key_set.find(kept.kid, "EdDSA")


def test_many_threads_share_one_fetch(key_set: KeySet, auth_server: AuthServer) -> None:
    entered = threading.Event()

    def slowly(request: Any) -> None:
        entered.wait(0.3)
        auth_server.publish(request)

    auth_server.answer = slowly
    kid = auth_server.keys[0].kid
    with ThreadPoolExecutor(32) as threads:
        found = list(threads.map(lambda _: key_set.find(kid, "EdDSA"), range(32)))
    assert all(found)
    assert auth_server.fetches == 1


@pytest.mark.parametrize("answer", [drip, drip_headers])
def test_a_hanging_auth_server_leaves_no_threads_behind(
    key_set: KeySet, auth_server: AuthServer, answer: Callable[[Any], None]
) -> None:
    auth_server.answer = answer
    before = threading.active_count()
    with pytest.raises(KeysUnreachable):
        key_set.find(UNKNOWN, "EdDSA")
    assert key_set.fetch_done.wait(5)
    auth_server.answer = auth_server.publish
    for thread in threading.enumerate():
        if "_fetch" in thread.name or isinstance(thread, threading.Timer):
            thread.join(5)
    assert threading.active_count() <= before + 1  # the stand-in's own


def test_while_keys_are_known_only_a_few_requests_wait_for_an_unknown_one(
    key_set: KeySet, auth_server: AuthServer
) -> None:
    assert key_set.find(auth_server.keys[0].kid, "EdDSA")
    answer_now = threading.Event()

    def late(request: Any) -> None:
        answer_now.wait(10)
        auth_server.publish(request)

    auth_server.answer = late
    hurried = threading.Semaphore(0)

    def ask(number: int) -> None:
        try:
            key_set.find(f"bogus-{number}", "EdDSA")
        except KeysUnreachable:
            hurried.release()

    with ThreadPoolExecutor(16) as threads:
        asked = [threads.submit(ask, number) for number in range(16)]
        for _ in range(16 - PATIENT_REQUESTS):
            assert hurried.acquire(timeout=10)
        assert key_set.find(auth_server.keys[0].kid, "EdDSA")
        answer_now.set()
        for one in asked:
            one.result()


@pytest.fixture
def remote(environment: dict[str, str], auth_server: AuthServer) -> FlaskClient:
    """The service with both kinds of token on."""
    settings = Settings.from_environ({**environment, "BETTER_AUTH_URL": auth_server.url})
    return create_app(settings).test_client()


def test_with_no_key_and_no_auth_server_the_answer_is_503(
    remote: FlaskClient, auth_server: AuthServer
) -> None:
    token = auth_server.token()
    auth_server.close()
    answer = remote.get("/api/tasks", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 503
    assert body(answer)["code"] == "service_unavailable"
    assert int(answer.headers["Retry-After"]) >= 1
    with_secret = remote.get("/api/tasks", headers={"Authorization": f"Bearer {token_for('ada')}"})
    assert with_secret.status_code == 200


def test_known_keys_go_on_counting_while_the_auth_server_is_away(
    remote: FlaskClient, auth_server: AuthServer
) -> None:
    headers = {"Authorization": f"Bearer {auth_server.token()}"}
    assert remote.get("/api/tasks", headers=headers).status_code == 200
    auth_server.close()
    assert remote.get("/api/tasks", headers=headers).status_code == 200
    stranger = SigningKey().sign(auth_server.claims())
    assert remote.get("/api/tasks", headers={"Authorization": f"Bearer {stranger}"}).status_code == 401
