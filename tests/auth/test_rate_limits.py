"""How often a user may call, and an address fail to sign in (contract §7)."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import MakeApp
from tests.log_lines import LogLines
from tests.people import Person, body, token_for
from tests.redis_server import RedisServer
from tests.service import Service
from todo_service.auth.rate_limit import LOG_SECONDS, PAUSE_SECONDS

HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture(params=["memory", "redis"])
def storage(request: pytest.FixtureRequest) -> str:
    if request.param == "memory":
        return "memory://"
    server: RedisServer = request.getfixturevalue("redis_server")
    return server.url


@pytest.fixture
def limited(make_app: MakeApp, storage: str) -> Flask:
    """The application with three requests an hour."""
    return make_app(RATE_LIMIT="3/hour", RATE_LIMIT_STORAGE=storage)


def left(answer: TestResponse) -> tuple[int, str | None]:
    return answer.status_code, answer.headers.get("X-RateLimit-Remaining")


def anonymous(
    app: Flask, token: str = "x.y.z", address: str = "192.0.2.1", forwarded: str = ""
) -> TestResponse:
    headers = {"Authorization": f"Bearer {token}"} | ({"X-Forwarded-For": forwarded} if forwarded else {})
    return app.test_client().get("/api/tasks", headers=headers, environ_base={"REMOTE_ADDR": address})


# ---- users


def test_a_user_has_so_many_requests(limited: Flask) -> None:
    ada, bob = Person(limited.test_client(), "ada"), Person(limited.test_client(), "bob")
    assert [left(ada.get()) for _ in range(3)] == [(200, "2"), (200, "1"), (200, "0")]
    before = time.time()
    refused = ada.post(json={"title": "x"})
    assert left(refused) == (429, "0")
    assert refused.content_type == "application/problem+json"
    assert body(refused)["code"] == "rate_limited"
    assert 1 <= int(refused.headers["Retry-After"]) <= 3601
    assert refused.headers["X-RateLimit-Limit"] == "3"
    assert before < int(refused.headers["X-RateLimit-Reset"]) <= before + 3601
    assert left(bob.get()) == (200, "2")
    assert body(bob.get()) == []


def test_refused_requests_count_too(limited: Flask) -> None:
    ada = Person(limited.test_client(), "ada")
    assert ada.post(json={}).status_code == 400
    assert ada.get("/api/tasks/none").status_code == 404
    assert left(ada.get()) == (200, "0")


def creating(number: int) -> dict[str, Any]:
    return {"operations": [{"op": "create", "task": {"title": "x"}} for _ in range(number)]}


def test_a_batch_counts_as_its_operations(limited: Flask) -> None:
    ada = Person(limited.test_client(), "ada")
    assert left(ada.post("/api/tasks/batch", json=creating(2))) == (200, "1")
    assert left(ada.get()) == (200, "0")


def test_a_batch_of_more_than_is_left_does_nothing_and_what_is_left_may_be_used(limited: Flask) -> None:
    ada = Person(limited.test_client(), "ada")
    assert left(ada.get()) == (200, "2")
    refused = ada.post("/api/tasks/batch", json=creating(3))
    assert left(refused) == (429, "1")
    assert int(refused.headers["Retry-After"]) > 1
    answer = ada.get()
    assert (left(answer), body(answer)) == ((200, "0"), [])


def test_the_largest_batch_and_export_pass_though_the_limit_is_lower(limited: Flask) -> None:
    ada, bob = Person(limited.test_client(), "ada"), Person(limited.test_client(), "bob")
    assert left(ada.post("/api/tasks/batch", json=creating(100))) == (200, "0")
    assert left(bob.get("/api/account/export")) == (200, "2")


def test_an_export_counts_as_one_for_each_thousand_tasks_begun(make_app: MakeApp) -> None:
    fast = make_app(RATE_LIMIT="2000/hour")
    ada = Person(fast.test_client(), "ada")
    for _ in range(10):
        assert ada.post("/api/tasks/batch", json=creating(100)).status_code == 200
    assert left(ada.get("/api/account/export", buffered=True)) == (200, "999")
    ada.adds()
    assert left(ada.get("/api/account/export", buffered=True)) == (200, "996")


def test_an_offline_device_brings_500_changes(make_app: MakeApp) -> None:
    usual = make_app(RATE_LIMIT="600/minute")
    ada = Person(usual.test_client(), "ada")
    answers = [left(ada.post("/api/tasks/batch", json=creating(100))) for _ in range(5)]
    assert answers == [(200, str(left)) for left in (500, 400, 300, 200, 100)]


def test_a_user_who_waits_as_told_is_served(make_app: MakeApp) -> None:
    fast = make_app(RATE_LIMIT="1/second")
    ada = Person(fast.test_client(), "ada")
    while (answer := ada.get()).status_code == 200:
        pass
    time.sleep(int(answer.headers["Retry-After"]))
    assert ada.get().status_code == 200


def test_every_answer_under_api_says_where_one_stands(limited: Flask) -> None:
    ada = Person(limited.test_client(), "ada")
    client = limited.test_client()
    for answer in (
        ada.get(),
        ada.get("/api/tasks/none"),
        ada.get("/api/nowhere"),
        ada.call("TRACE", "/api/tasks"),
        ada.call("OPTIONS", "/api/tasks"),
        client.get("/api/tasks"),
        anonymous(limited),
    ):
        for name in HEADERS:
            assert answer.headers[name].isdecimal(), (answer.request.path, name)
    for path in ("/", "/health", "/health/ready", "/openapi.json", "/docs"):
        assert not set(HEADERS) & set(client.get(path).headers.keys())


def test_unknown_paths_and_preflights_cost_nothing(limited: Flask) -> None:
    client = limited.test_client()
    for _ in range(9):
        assert left(client.get("/api/nowhere")) == (404, "3")
        assert left(client.options("/api/tasks")) == (200, "3")


def test_answers_without_a_limit_have_no_fields_of_it(app: Flask, ada: Person) -> None:
    assert not set(HEADERS) & set(ada.get().headers.keys())


# ---- addresses


def test_an_address_has_so_many_refused_tokens(limited: Flask) -> None:
    assert [left(anonymous(limited)) for _ in range(3)] == [(401, "2"), (401, "1"), (401, "0")]
    for token in ("x.y.z", token_for("ada", exp=1), ""):
        refused = anonymous(limited, token)
        assert left(refused) == (429, "0")
        assert body(refused)["code"] == "rate_limited"
        assert int(refused.headers["Retry-After"]) >= 1
        assert "WWW-Authenticate" not in refused.headers
    assert left(anonymous(limited, address="192.0.2.2")) == (401, "2")


def test_good_tokens_pass_from_an_address_of_bad_ones(limited: Flask) -> None:
    for _ in range(5):
        anonymous(limited)
    assert left(anonymous(limited, token_for("ada"))) == (200, "2")


def test_an_ipv6_network_counts_as_one_address(limited: Flask) -> None:
    for number in range(3):
        assert anonymous(limited, address=f"2001:db8:0:1::{number}").status_code == 401
    assert anonymous(limited, address="2001:db8:0:1:ffff::").status_code == 429
    assert anonymous(limited, address="2001:db8:0:2::").status_code == 401


def test_an_ipv4_address_is_the_same_in_ipv6(limited: Flask) -> None:
    for _ in range(3):
        anonymous(limited, address="::ffff:192.0.2.1")
    assert anonymous(limited, address="192.0.2.1").status_code == 429


def test_a_proxy_is_known_by_its_ipv4_address_where_ipv6_is_listened_on(
    make_app: MakeApp,
) -> None:
    behind = make_app(RATE_LIMIT="3/hour", TRUSTED_PROXIES="192.0.2.0/24")
    for client in ("203.0.113.8", "203.0.113.9"):
        answer = anonymous(behind, address="::ffff:192.0.2.1", forwarded=client)
        assert left(answer) == (401, "2")


@pytest.mark.parametrize(
    ("trusted", "forwarded", "counted"),
    [
        ("", "203.0.113.9", "192.0.2.1"),
        ("0", "203.0.113.9", "192.0.2.1"),
        ("1", "203.0.113.9", "203.0.113.9"),
        ("1", "forged, 203.0.113.9", "203.0.113.9"),
        ("1", "198.51.100.1,203.0.113.9", "203.0.113.9"),
        ("2", "forged, 198.51.100.1, 203.0.113.9", "198.51.100.1"),
        ("2", "203.0.113.9", "203.0.113.9"),
        ("1", "", "192.0.2.1"),
        ("1", "rubbish", "192.0.2.1"),
        ("1", "203.0.113.9:40001", "203.0.113.9"),
        ("1", '"203.0.113.9:40001"', "203.0.113.9"),
        ("1", "[2001:db8:0:1::7]", "2001:db8:0:1::8"),
        ("1", "[2001:db8:0:1::7]:443", "2001:db8:0:1::8"),
        ("1", '"[2001:db8:0:1::7]:_port"', "2001:db8:0:1::8"),
        ("1", "2001:db8:0:1::7%eth0", "2001:db8:0:1::8"),
        ("1", "[::ffff:203.0.113.9]:1", "203.0.113.9"),
        ("2", "198.51.100.1:1, 203.0.113.9:2", "198.51.100.1"),
        ("192.0.2.1,203.0.113.9", "198.51.100.1:1, 203.0.113.9:2", "198.51.100.1"),
        *(
            ("1", junk, "192.0.2.1")
            for junk in ("unknown", "_hidden", "[]", "[x]:1", '"', "1.2.3", ":80", "1.2.3.4,")
        ),
        *(("2", f"{junk}, 203.0.113.9:1", "203.0.113.9") for junk in ("unknown", "999.1.1.1:80", "[::1")),
        ("2", "rubbish, 203.0.113.9", "203.0.113.9"),
        ("1", "2001:db8:0:1::7", "2001:db8:0:1::8"),
        ("192.0.2.0/24", "203.0.113.9", "203.0.113.9"),
        ("192.0.2.0/24,198.51.100.1", "203.0.113.9, 198.51.100.1", "203.0.113.9"),
        ("192.0.2.0/24", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.0/8", "203.0.113.9", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1, 192.0.2.1", "192.0.2.1"),
        ("::1", "203.0.113.9", "192.0.2.1"),
    ],
)
def test_only_trusted_proxies_say_who_it_was(
    make_app: MakeApp, trusted: str, forwarded: str, counted: str
) -> None:
    behind = make_app(RATE_LIMIT="3/hour", TRUSTED_PROXIES=trusted)
    for _ in range(3):
        assert anonymous(behind, forwarded=forwarded).status_code == 401
    assert anonymous(behind, forwarded=forwarded).status_code == 429
    assert anonymous(behind, address=counted).status_code == 429


# ---- the storage


def test_processes_share_what_they_count_in_redis(
    app: Flask, environment: dict[str, str], redis_server: RedisServer, tmp_path: Path
) -> None:
    settings = {**environment, "RATE_LIMIT": "20/hour", "RATE_LIMIT_STORAGE": redis_server.url}
    with Service(settings, tmp_path) as one, Service(settings, tmp_path) as other:
        statuses = [service.call("ada", "GET").status_code for _ in range(15) for service in (one, other)]
    assert statuses == [200] * 20 + [429] * 10


@pytest.mark.parametrize("away", ["stopped", "frozen"])
def test_a_storage_that_is_down_lets_requests_through_and_is_said_once_a_minute(
    make_app: MakeApp,
    redis_server: RedisServer,
    log_lines: LogLines,
    advance: Callable[[float], None],
    away: str,
) -> None:
    limited = make_app(RATE_LIMIT="3/hour", RATE_LIMIT_STORAGE=redis_server.url)
    ada = Person(limited.test_client(), "ada")
    assert left(ada.get()) == (200, "2")
    if away == "stopped":
        redis_server.stop()
    else:
        redis_server.freeze()
    started = time.monotonic()
    assert [left(ada.get()) for _ in range(10)] == [(200, None)] * 10
    assert left(anonymous(limited)) == (401, None)
    assert time.monotonic() - started < 3, "each of them waited for the storage"
    for _ in range(3):  # the pause is over, and it is still down
        advance(PAUSE_SECONDS)
        assert left(ada.get()) == (200, None)
    warning = "The rate limits' storage does not answer, so nothing is limited"
    said = [line for line in log_lines.written if warning in line]
    assert len(said) == 1
    advance(LOG_SECONDS)
    ada.get()
    assert len([line for line in log_lines.written if warning in line]) == 2
    if away == "stopped":
        redis_server.start()
    else:
        redis_server.thaw()
    advance(PAUSE_SECONDS)
    assert left(ada.get())[1] is not None


def test_the_service_starts_while_the_storage_is_down(make_app: MakeApp) -> None:
    limited = make_app(RATE_LIMIT="3/hour", RATE_LIMIT_STORAGE="redis://127.0.0.1:9/0")
    assert left(Person(limited.test_client(), "ada").get()) == (200, None)
