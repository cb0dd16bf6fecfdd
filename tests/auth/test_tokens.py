"""Tokens (contract §2): what is let in, and what is kept out whatever it pretends to be."""

import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.auth.hostile_tokens import DEEP, GOOD, HOSTILE, HS, confused, hs256
from tests.auth_server import AuthServer, SigningKey
from tests.conftest import MakeApp
from tests.log_lines import LogLines
from tests.people import body, token_for

MISSING = ("missing_token", "Missing authentication token")
INVALID = ("invalid_token", "Invalid token")
EXPIRED = ("token_expired", "Token has expired")


@pytest.fixture
def both(make_app: MakeApp, auth_server: AuthServer) -> FlaskClient:
    """The service with the shared secret and the auth server's key set both on."""
    return make_app(BETTER_AUTH_URL=auth_server.url).test_client()


def ask(client: FlaskClient, authorization: str | None) -> TestResponse:
    return client.get("/api/tasks", headers={"Authorization": authorization} if authorization else {})


def refusal(answer: TestResponse) -> tuple[str, str]:
    """Code and detail of a 401 that challenges as RFC 6750 says."""
    assert answer.status_code == 401, answer.text
    code, challenge = body(answer)["code"], answer.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="todo"')
    assert ('error="invalid_token"' in challenge) == (code != "missing_token")
    return code, body(answer)["detail"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_case_of_bearer_does_not_matter(client: FlaskClient, scheme: str) -> None:
    assert ask(client, f"{scheme} {token_for('ada')}").json == []


@pytest.mark.parametrize("authorization", [None, "Basic YWRhOnB3", "Digest x", "Token abc", "abc"])
def test_a_token_that_is_no_bearer_token_is_missing(client: FlaskClient, authorization: str | None) -> None:
    assert refusal(ask(client, authorization)) == MISSING


@pytest.mark.parametrize("elsewhere", ["?token={}", "?jwt={}", "?access_token={}"])
def test_a_token_in_the_address_does_not_count(client: FlaskClient, elsewhere: str) -> None:
    assert refusal(client.get("/api/tasks" + elsewhere.format(token_for("ada")))) == MISSING


def test_a_token_in_a_cookie_does_not_count(client: FlaskClient) -> None:
    client.set_cookie("access_token_cookie", token_for("ada"))
    client.set_cookie("better-auth.session_token", token_for("ada"))
    assert refusal(client.get("/api/tasks")) == MISSING


@pytest.mark.parametrize("ago", [1, 3600, 10**9])
def test_an_expired_token_says_so(client: FlaskClient, ago: int) -> None:
    token = token_for("ada", exp=int(time.time()) - ago)
    assert refusal(ask(client, f"Bearer {token}")) == EXPIRED


def test_an_expired_token_has_no_leeway_unless_one_is_set(app: Flask, make_app: MakeApp) -> None:
    just_expired = f"Bearer {token_for('ada', exp=int(time.time()) - 2)}"
    assert refusal(ask(app.test_client(), just_expired)) == EXPIRED
    patient = make_app(JWT_LEEWAY="60")
    assert ask(patient.test_client(), just_expired).status_code == 200


@pytest.mark.parametrize(
    "user",
    [
        "a",
        "x" * 255,
        "user@example.com",
        "auth0|123",
        "ünïcödé",
        "𝄞",
        " ",
        "../etc",
        "1",
        "' OR 1=1 --",
        "a\nb",
    ],
)
def test_any_text_up_to_255_characters_names_a_user(client: FlaskClient, user: str) -> None:
    headers = {"Authorization": f"Bearer {token_for(user)}"}
    created = client.post("/api/tasks", json={"title": "mine"}, headers=headers)
    assert body(created)["user_id"] == user
    assert body(client.get("/api/tasks", headers=headers)) == [body(created)]


@pytest.mark.parametrize("token", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_token_is_invalid_and_never_an_error(both: FlaskClient, token: str) -> None:
    assert refusal(ask(both, f"Bearer {token}")) == INVALID


def test_a_payload_nested_deep_is_no_error_however_deep_a_python_can_read(both: FlaskClient) -> None:
    """From 3.12 on that depends on the stack; what nobody asks for may then stand there."""
    assert ask(both, f"Bearer {hs256(HS, DEEP)}").status_code in (200, 401)


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("rubbish", "malformed"),
        (hs256(HS, GOOD, "another secret, also more than 32 bytes long"), "InvalidSignatureError"),
        (HOSTILE["none"], "algorithm not accepted"),
        (HOSTILE["EdDSA without a kid"], "no key named"),
        (HOSTILE["no sub"], "JWTDecodeError"),
        (HOSTILE["no exp"], "no exp"),
        (HOSTILE["an iat that is a string"], "a time is no number"),
        (HOSTILE["a sub with NUL"], "sub is no user id"),
        (HOSTILE["a refresh token"], "WrongTokenError"),
        (token_for("ada", exp=1), "expired"),
    ],
)
def test_why_a_token_is_refused_stands_in_the_log_and_not_in_the_answer(
    both: FlaskClient, log_lines: LogLines, token: str, why: str
) -> None:
    answer = ask(both, f"Bearer {token}")
    assert answer.status_code == 401
    line = log_lines.one(f"token refused: {why}")
    assert line["request_id"] == body(answer)["request_id"]
    assert token not in log_lines.text
    if why != "expired":
        assert why not in answer.text + answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"iss": "https://x.example.com"}, "another issuer"), ({"aud": None}, "another audience")],
)
def test_a_token_that_is_meant_for_others_is_told_in_the_log(
    both: FlaskClient, auth_server: AuthServer, log_lines: LogLines, changes: dict[str, Any], why: str
) -> None:
    assert refusal(ask(both, f"Bearer {auth_server.token('ada', **changes)}")) == INVALID
    log_lines.one(f"token refused: {why}")


def test_a_key_that_is_not_known_is_told_in_the_log(
    both: FlaskClient, auth_server: AuthServer, log_lines: LogLines
) -> None:
    assert refusal(ask(both, f"Bearer {SigningKey().sign(auth_server.claims())}")) == INVALID
    log_lines.one("token refused: key not known, or not for this algorithm")


def test_a_secret_that_cannot_verify_is_no_error(make_app: MakeApp, log_lines: LogLines) -> None:
    pem = SigningKey().private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    client = make_app(BETTER_AUTH_SECRET=pem.decode()).test_client()
    assert refusal(ask(client, f"Bearer {hs256(HS, GOOD, pem.decode())}")) == INVALID
    log_lines.one("token refused: InvalidKeyError")


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer ,", "Bearer a b", "Bearer {},", "Bearer {}=", "Bearer {}, Bearer {}", "Bearer \xa0{}"],
)
def test_anything_but_one_token_behind_bearer_is_invalid(client: FlaskClient, authorization: str) -> None:
    token = token_for("ada")
    assert refusal(ask(client, authorization.replace("{}", token))) == INVALID


@pytest.mark.parametrize(
    "authorization",
    ["Basic YTpi, Bearer {}", ", ,", ",", 'Digest username="x, Bearer {}, y"', "Bearer\xa0{}", "Bearer\t{}"],
)
def test_a_token_behind_anything_else_does_not_count(client: FlaskClient, authorization: str) -> None:
    assert refusal(ask(client, authorization.replace("{}", token_for("ada")))) == MISSING


@pytest.mark.parametrize(
    "algorithm", ["EdDSA", "Ed448", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256"]
)
@pytest.mark.parametrize("names_its_algorithm", [True, False])
def test_tokens_of_the_key_set_are_let_in(
    both: FlaskClient, auth_server: AuthServer, algorithm: str, names_its_algorithm: bool
) -> None:
    key = auth_server.rotate(algorithm)
    if not names_its_algorithm:  # as old Better Auth versions publish them
        del key.jwk["alg"]
    created = both.post(
        "/api/tasks", json={"title": "x"}, headers={"Authorization": f"Bearer {auth_server.token('ada')}"}
    )
    assert body(created)["user_id"] == "ada"


def test_both_kinds_of_token_name_the_same_user(both: FlaskClient, auth_server: AuthServer) -> None:
    both.post("/api/tasks", json={"title": "x"}, headers={"Authorization": f"Bearer {token_for('ada')}"})
    listed = ask(both, f"Bearer {auth_server.token('ada')}")
    assert [task["title"] for task in body(listed)] == ["x"]


def test_keys_and_claims_cannot_be_mixed_up(both: FlaskClient, auth_server: AuthServer) -> None:
    for name, token in confused(auth_server):
        assert refusal(ask(both, f"Bearer {token}")) == INVALID, name


def test_an_expired_token_of_the_key_set_says_so(both: FlaskClient, auth_server: AuthServer) -> None:
    token = auth_server.token("ada", exp=int(time.time()) - 5)
    assert refusal(ask(both, f"Bearer {token}")) == EXPIRED


def test_one_of_several_audiences_may_be_ours(both: FlaskClient, auth_server: AuthServer) -> None:
    token = auth_server.token("ada", aud=["https://other.example.com", auth_server.url])
    assert ask(both, f"Bearer {token}").status_code == 200


def test_issuer_and_audience_may_be_set(make_app: MakeApp, auth_server: AuthServer) -> None:
    client = make_app(
        BETTER_AUTH_SECRET="",
        JWKS_URL=f"{auth_server.url}/api/auth/jwks",
        JWT_ISSUER="https://issuer.example.com",
        JWT_AUDIENCE="todo",
    ).test_client()
    fitting = auth_server.token("ada", iss="https://issuer.example.com", aud="todo")
    assert ask(client, f"Bearer {fitting}").status_code == 200
    assert refusal(ask(client, f"Bearer {auth_server.token('ada')}")) == INVALID
    assert refusal(ask(client, f"Bearer {token_for('ada')}")) == INVALID


@pytest.mark.parametrize("claims", [{}, {"iss": "https://x.example.com", "aud": "y"}, {"aud": ["a", "b"]}])
def test_tokens_of_the_shared_secret_need_no_issuer_and_may_name_any(
    both: FlaskClient, claims: dict[str, Any]
) -> None:
    assert ask(both, f"Bearer {token_for('ada', **claims)}").status_code == 200


def test_a_key_set_s_algorithms_are_refused_without_one(client: FlaskClient, auth_server: AuthServer) -> None:
    assert refusal(ask(client, f"Bearer {auth_server.token('ada')}")) == INVALID
    assert auth_server.fetches == 0


@pytest.mark.parametrize("claim", ["user_id", "userId", "id", "uid", "email"])
def test_only_sub_names_the_user(client: FlaskClient, claim: str) -> None:
    token = token_for("ada", **{claim: "bob"})
    created = client.post("/api/tasks", json={"title": "x"}, headers={"Authorization": f"Bearer {token}"})
    assert body(created)["user_id"] == "ada"


@pytest.mark.parametrize(
    "claims",
    [
        {"name": "x" * 10_000, "email": "y" * 1_000},
        {"name": "\x00\x00"},
        {"name": "\ud83d"},
        {"name": 5, "email": {"a": []}},
        {"name": None},
        {"name": ""},
    ],
)
def test_a_write_succeeds_whatever_name_and_email_hold(client: FlaskClient, claims: dict[str, Any]) -> None:
    token = hs256(HS, {**GOOD, **claims})
    created = client.post("/api/tasks", json={"title": "x"}, headers={"Authorization": f"Bearer {token}"})
    assert created.status_code == 201
