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

from tests.auth_server import AuthServer, SigningKey, drip
from tests.clock import Clock
from tests.conftest import MakeApp
from tests.log_lines import LogLines
from tests.people import body, token_for
from todo_service.auth.key_set import (
    BURST,
    FETCH_SECONDS,
    FRESH_SECONDS,
    MAX_FETCHES,
    MAX_WAITING_REQUESTS,
    REFILL_SECONDS,
    KeySet,
    KeysUnreachable,
)

UNKNOWN = "no such key"
SLACK = 5  # seconds by which a busy machine may exceed a limit


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


def drip_headers(request: Any) -> None:
    for letter in b"HTTP/1.1 200 OK" + b"\r\nX: y" * 100:
        if request.hangs_up.wait(0.1):
            break
        request.wfile.write(bytes([letter]))


def hang(request: Any) -> None:
    request.hangs_up.wait()


def speak_another_protocol(request: Any) -> None:
    request.wfile.write(b"SSH-2.0-OpenSSH\r\n")


def answers(text: str, status: int = 200) -> Callable[[Any], None]:
    return lambda request: AuthServer.reply(request, text, status)


def publishes(**members: Any) -> Callable[[Any], None]:
    """A key set with one key, which has these members (None leaves one out)."""
    jwk = {**SigningKey().jwk, "kid": UNKNOWN, **members}
    return answers(json.dumps({"keys": [{name: value for name, value in jwk.items() if value is not None}]}))


SHORT = {"kty": "RSA", "crv": None, "x": None, "alg": None, "e": "AQAB", "n": "x" * 170}  # 1020 bits
SECRET = {"kty": "oct", "crv": None, "x": None, "k": "c2VjcmV0", "alg": "HS256"}
DEEP = '{"keys": ' + "[" * 20_000 + "]" * 20_000 + "}"
DRIPS = [drip, drip_headers]

# What the auth server does, and what the log says of it.
BROKEN: dict[str, tuple[Callable[[Any], None], str]] = {
    "500": (answers("", 500), "status 500"),
    "404": (answers("", 404), "status 404"),
    "a redirect": (redirect, "status 302, and redirects are not followed"),
    "no answer": (hang, "timed out"),
    "another protocol": (speak_another_protocol, "not HTTP"),
    "no JSON": (answers("<html>"), "not a key set"),
    "nothing": (answers(""), "not a key set"),
    "a list": (answers("[]"), "not a key set"),
    "null": (answers("null"), "not a key set"),
    "deep nesting": (answers(DEEP), "not a key set"),
    "an object without keys": (answers("{}"), "not a key set"),
    "keys that are no list": (answers('{"keys": 5}'), "not a key set"),
    "no keys": (answers('{"keys": []}'), "no usable key"),
    "keys that are no objects": (answers('{"keys": [1, null, "x", []]}'), "no usable key"),
    "a nameless key": (publishes(kid=None), "no usable key"),
    "a key whose name is a number": (publishes(kid=7), "no usable key"),
    "a secret": (publishes(**SECRET), "no usable key"),
    "a short RSA key": (publishes(**SHORT), "no usable key"),
    "a key for encryption": (publishes(use="enc"), "no usable key"),
    "a key to sign with only": (publishes(key_ops=["sign"]), "no usable key"),
    "a key for another algorithm than its kind's": (publishes(alg="RS256"), "no usable key"),
    "a broken key": (publishes(x="AA"), "no usable key"),
}


@pytest.mark.parametrize(("answer", "why"), BROKEN.values(), ids=BROKEN)
def test_why_a_fetch_failed_stands_in_the_log(
    key_set: KeySet,
    auth_server: AuthServer,
    log_lines: LogLines,
    answer: Callable[[Any], None],
    why: str,
) -> None:
    auth_server.answer = answer
    with pytest.raises(KeysUnreachable):
        key_set.find(UNKNOWN, "EdDSA")
    key_set.fetches[0].join(10)
    assert log_lines.one(f"The key set could not be fetched: {why}")["level"] == "WARNING"


@pytest.mark.parametrize(("scheme", "why"), [("http", "connection refused"), ("https", "TLS failed")])
def test_why_there_was_no_connection_stands_in_the_log(
    auth_server: AuthServer, log_lines: LogLines, scheme: str, why: str
) -> None:
    if scheme == "http":
        auth_server.close()
    key_set = KeySet(f"{scheme}{auth_server.url.removeprefix('http')}/api/auth/jwks")
    with pytest.raises(KeysUnreachable):
        key_set.find(UNKNOWN, "EdDSA")
    log_lines.one(f"The key set could not be fetched: {why}")


@pytest.mark.parametrize("answer", [answer for answer, _ in BROKEN.values()], ids=BROKEN)
def test_a_broken_auth_server_is_unreachable_and_spends_the_bucket(
    key_set: KeySet, auth_server: AuthServer, answer: Callable[[Any], None]
) -> None:
    auth_server.answer = answer
    for _ in range(BURST + 5):
        with pytest.raises(KeysUnreachable) as refused:
            key_set.find(UNKNOWN, "EdDSA")
    assert 1 <= refused.value.retry_after <= REFILL_SECONDS
    assert auth_server.fetches <= BURST


@pytest.mark.parametrize(
    "answer",
    [*(answer for answer, _ in BROKEN.values()), *DRIPS],
    ids=[*BROKEN, "a drip", "a drip of headers"],
)
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


@pytest.mark.parametrize("members", [{}, {"use": "sig"}, {"key_ops": ["sign", "verify"]}, {"alg": None}])
def test_keys_that_may_verify_are_used(
    key_set: KeySet, auth_server: AuthServer, members: dict[str, Any]
) -> None:
    auth_server.answer = publishes(**members)
    assert key_set.find(UNKNOWN, "EdDSA")


def test_an_rsa_key_that_names_no_algorithm_serves_all_of_its_kind(
    key_set: KeySet, auth_server: AuthServer
) -> None:
    key = auth_server.rotate("RS256")
    assert not key_set.find(key.kid, "PS256")
    del key.jwk["alg"]
    auth_server.keys = [key]
    other = KeySet(key_set.url)
    for algorithm in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"):
        assert other.find(key.kid, algorithm), algorithm


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
    key_set.newest_fetch.join(5)
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


@pytest.mark.parametrize("answer", DRIPS)
def test_an_auth_server_that_drips_holds_a_few_threads_and_nobody_for_long(
    key_set: KeySet, auth_server: AuthServer, clock: Clock, answer: Callable[[Any], None]
) -> None:
    auth_server.answer = answer
    for _ in range(MAX_FETCHES + 2):
        clock.now += REFILL_SECONDS  # the last fetch is given up, and another one would be allowed
        began = time.monotonic()
        with pytest.raises(KeysUnreachable):
            key_set.find(UNKNOWN, "EdDSA")
        assert time.monotonic() - began < FETCH_SECONDS + SLACK
    assert auth_server.fetches == MAX_FETCHES
    assert len(key_set.fetches) == MAX_FETCHES
    auth_server.hangs_up.set()
    for fetch in key_set.fetches:
        fetch.join(10)
    auth_server.answer = auth_server.publish
    clock.now += REFILL_SECONDS
    assert key_set.find(auth_server.keys[0].kid, "EdDSA")


def test_an_answer_that_comes_late_counts_unless_a_newer_one_has_come(
    key_set: KeySet, auth_server: AuthServer, clock: Clock
) -> None:
    old, asked, late = auth_server.keys[0], threading.Event(), threading.Event()

    def answer_late(request: Any) -> None:
        asked.set()
        late.wait(10)
        AuthServer.reply(request, json.dumps({"keys": [old.jwk]}))

    def give_up_on_one() -> None:
        auth_server.answer = answer_late
        asked.clear()
        clock.now += REFILL_SECONDS
        key_set.refresh()
        assert asked.wait(10)
        clock.now += REFILL_SECONDS

    give_up_on_one()
    late.set()
    key_set.fetches[0].join(10)
    assert key_set.find(old.kid, "EdDSA")
    late.clear()
    give_up_on_one()
    (given_up,) = key_set.fetches
    auth_server.answer = auth_server.publish
    new = auth_server.rotate()
    assert key_set.find(new.kid, "EdDSA")
    late.set()
    given_up.join(10)
    auth_server.answer = answers("", 500)
    assert key_set.find(new.kid, "EdDSA")


def test_only_a_few_requests_wait_for_an_unknown_key_while_others_are_known(
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
        for _ in range(16 - MAX_WAITING_REQUESTS):
            assert hurried.acquire(timeout=10)
        assert key_set.find(auth_server.keys[0].kid, "EdDSA")
        answer_now.set()
        for one in asked:
            one.result()


@pytest.fixture
def remote(make_app: MakeApp, auth_server: AuthServer) -> FlaskClient:
    """The service with both kinds of token on."""
    return make_app(BETTER_AUTH_URL=auth_server.url).test_client()


def test_the_answer_is_503_with_no_key_and_no_auth_server(
    remote: FlaskClient, auth_server: AuthServer, log_lines: LogLines
) -> None:
    token = auth_server.token()
    auth_server.close()
    answer = remote.get("/api/tasks", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 503
    assert body(answer)["code"] == "service_unavailable"
    assert int(answer.headers["Retry-After"]) >= 1
    line = log_lines.one("The key set could not be fetched: connection refused")
    assert line["request_id"] == body(answer)["request_id"]
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
