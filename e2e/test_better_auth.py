"""The tokens of a real Better Auth server, at the real service: its people, its keys, its absence."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import jwt
import pytest

from e2e.better_auth import BetterAuth, Session
from tests.measured import Measured

FETCHES = "todo_key_set_fetches_total{outcome=fetched}"


@pytest.fixture
def ada(better_auth: BetterAuth) -> Session:
    return better_auth.sign_up("Ada Lovelace", "ada@example.com")


@pytest.fixture
def bob(better_auth: BetterAuth) -> Session:
    return better_auth.sign_up("Bob", "bob@example.com")


def ask(
    service: Measured, token: str, method: str = "GET", path: str = "/api/tasks", **kwargs: Any
) -> httpx.Response:
    """Each on a connection of its own, so that all workers get some."""
    headers = {"Authorization": f"Bearer {token}", "Connection": "close"}
    return service.http.request(method, path, headers=headers, **kwargs)


def told(answer: httpx.Response) -> tuple[int, str | None]:
    """The status, and the code if it is a refusal."""
    return answer.status_code, answer.json()["code"] if answer.is_error else None


def titles(service: Measured, token: str) -> list[str]:
    answer = ask(service, token)
    assert answer.status_code == 200, answer.text
    return [task["title"] for task in answer.json()]


def all_workers_know(service: Measured, token: str, fetches: int = 2) -> None:
    """Ask until each of the two workers has fetched the keys, so many times in all."""
    service.wait_until(lambda: ask(service, token).status_code == 200 and service.count(FETCHES) == fetches)


def test_two_people_who_sign_up_keep_lists_of_their_own(
    better_auth: BetterAuth, service: Measured, ada: Session, bob: Session
) -> None:
    adas, bobs = better_auth.token(ada), better_auth.token(bob)
    task = ask(service, adas, "POST", json={"title": "Ada's"}).json()
    ask(service, bobs, "POST", json={"title": "Bob's"})
    assert task["user_id"] == ada.user_id
    assert titles(service, adas) == ["Ada's"]
    assert titles(service, bobs) == ["Bob's"]
    for method in ("GET", "PUT", "DELETE"):
        assert told(ask(service, bobs, method, f"/api/tasks/{task['id']}", json={})) == (403, "forbidden")
    account = ask(service, adas, path="/api/account").json()
    assert (account["name"], account["email"]) == ("Ada Lovelace", "ada@example.com")


def test_one_person_has_one_list_whatever_their_tokens_are_signed_with(
    better_auth: BetterAuth, service: Measured, ada: Session
) -> None:
    tokens = {"EdDSA": better_auth.token(ada), "HS256": better_auth.shared_secret_token(ada)}
    for algorithm in ("ES256", "RS256"):
        better_auth.restart(jwks={"keyPairConfig": {"alg": algorithm}})
        better_auth.rotate()  # as long as a key of another kind lives, Better Auth signs with that
        tokens[algorithm] = better_auth.token(ada)
    for algorithm, token in tokens.items():
        assert jwt.get_unverified_header(token)["alg"] == algorithm
        assert ask(service, token, "POST", json={"title": algorithm}).status_code == 201
    for token in tokens.values():
        assert set(titles(service, token)) == set(tokens)


def test_keys_rotate_while_requests_run_and_none_fails(
    better_auth: BetterAuth, service: Measured, ada: Session, bob: Session
) -> None:
    first = better_auth.token(ada)
    all_workers_know(service, first)

    def work(session: Session, turns: Iterable[int]) -> list[str]:
        """Use a fresh token at each turn, after the tenth one of a new key; return the keys' names."""
        kids = []
        for turn in turns:
            if turn == 10:
                better_auth.rotate()
            token = better_auth.token(session)
            assert ask(service, token).status_code == 200
            kids.append(jwt.get_unverified_header(token)["kid"])
        return kids

    with ThreadPoolExecutor(2) as threads:
        adas = threads.submit(work, ada, range(30))
        bobs = threads.submit(work, bob, iter(adas.done, True))
    kids = adas.result()
    assert kids[9] not in kids[10:]
    assert {kids[0], kids[-1]} <= set(bobs.result())
    assert ask(service, first).status_code == 200


def test_known_keys_go_on_counting_while_better_auth_is_away(
    better_auth: BetterAuth, service: Measured, ada: Session
) -> None:
    known, by_secret = better_auth.token(ada), better_auth.shared_secret_token(ada)
    all_workers_know(service, known)
    better_auth.rotate()
    fresh = better_auth.token(ada)
    better_auth.stop()
    for _ in range(10):
        assert ask(service, known).status_code == 200
        assert ask(service, by_secret).status_code == 200
        assert told(ask(service, fresh)) == (401, "invalid_token")
    better_auth.start()
    all_workers_know(service, fresh, fetches=4)
    assert ask(service, better_auth.token(ada)).status_code == 200


def test_a_token_is_answered_with_come_back_as_long_as_no_key_is_known(
    better_auth: BetterAuth, service: Measured, ada: Session
) -> None:
    token, by_secret = better_auth.token(ada), better_auth.shared_secret_token(ada)
    better_auth.stop()
    for _ in range(10):
        refused = ask(service, token)
        assert told(refused) == (503, "service_unavailable")
        assert int(refused.headers["Retry-After"]) >= 1
        assert ask(service, by_secret).status_code == 200
    better_auth.start()
    all_workers_know(service, token)


def test_tokens_are_for_their_time_and_their_services_only(
    better_auth: BetterAuth, service: Measured, ada: Session
) -> None:
    elsewhere = "https://elsewhere.example.com"
    for claim, code in (
        ({"expirationTime": "1 second ago"}, "token_expired"),
        ({"issuer": elsewhere}, "invalid_token"),
        ({"audience": elsewhere}, "invalid_token"),
    ):
        better_auth.restart(jwt=claim)
        assert told(ask(service, better_auth.token(ada))) == (401, code)
    better_auth.restart(jwt={"audience": [elsewhere, better_auth.url]})
    assert ask(service, better_auth.token(ada)).status_code == 200


def test_people_can_use_their_list_whatever_they_are_called(
    better_auth: BetterAuth, service: Measured
) -> None:
    kept = {"a" * 10_000: "a" * 255, "Ada\0 \0Lovelace": "Ada Lovelace"}
    for number, name in enumerate(kept):
        session = better_auth.sign_up(name, f"{number}@example.com")
        for token in (better_auth.token(session), better_auth.shared_secret_token(session)):
            assert jwt.decode(token, options={"verify_signature": False})["name"] == name
            assert ask(service, token, "POST", json={"title": "Pay rent"}).status_code == 201
            assert ask(service, token, path="/api/account").json()["name"] == kept[name]


def test_nothing_else_that_better_auth_signs_is_a_login(
    better_auth: BetterAuth, service: Measured, ada: Session
) -> None:
    cookies = {name.partition(".")[2]: value for name, value in ada.http.cookies.items()}
    signed_session = cookies["session_token"]
    no_logins = {
        "session": signed_session.partition(".")[0],
        "signed session": signed_session,
        "cached session": cookies["session_data"],
        "address to be verified": better_auth.verification_token(ada, "ada@example.com"),
    }
    assert jwt.get_unverified_header(no_logins["address to be verified"])["alg"] == "HS256"  # our secret's
    cached = jwt.decode(no_logins["cached session"], options={"verify_signature": False})
    assert cached["sub"] == ada.user_id  # and signed with the key that signs our tokens
    for kind, token in no_logins.items():
        assert told(ask(service, token)) == (401, "invalid_token"), kind
