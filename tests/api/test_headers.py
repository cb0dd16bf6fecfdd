"""Methods, caching, request ids and CORS (contract §1 and §7), as HTTP and browsers have them."""

import re

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from tests.conftest import MakeApp
from tests.log_lines import LogLines
from tests.people import Person, body

OURS = "http://localhost:3000"
READABLE = (
    "Content-Disposition ETag Idempotency-Replayed Link Location Retry-After WWW-Authenticate "
    "X-RateLimit-Limit X-RateLimit-Remaining X-RateLimit-Reset X-Request-Id X-Total-Count"
)


def listed(value: str) -> set[str]:
    return {part.strip().lower() for part in value.split(",")}


@pytest.mark.parametrize("path", ["/", "/health", "/health/ready", "/openapi.json", "/docs", "/api/tasks"])
def test_head_answers_like_get_without_the_body(ada: Person, path: str) -> None:
    get, head = ada.get(path), ada.call("HEAD", path)
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control", "Vary"):
        assert head.headers.get(name) == get.headers.get(name)


def test_head_of_a_task_has_its_etag(ada: Person) -> None:
    path = f"/api/tasks/{ada.adds()['id']}"
    assert ada.call("HEAD", path).headers["ETag"] == '"1"'
    assert ada.call("HEAD", path, headers={"If-None-Match": '"1"'}).status_code == 304


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/tasks", "DELETE GET HEAD OPTIONS POST"),
        ("/api/tasks/x", "DELETE GET HEAD OPTIONS PATCH PUT"),
        ("/api/tasks/x/complete", "OPTIONS PATCH"),
        ("/api/tasks/batch", "OPTIONS POST"),
        ("/api/tasks/changes/", "GET HEAD OPTIONS"),
        ("/api/account", "DELETE GET HEAD OPTIONS"),
        ("/api/account/export/", "GET HEAD OPTIONS"),
        ("/health/ready", "GET HEAD OPTIONS"),
        ("/openapi.json/", "GET HEAD OPTIONS"),
        ("/docs", "GET HEAD OPTIONS"),
        ("/docs/start.js", "GET HEAD OPTIONS"),
        ("/health", "GET HEAD OPTIONS"),
        ("/", "GET HEAD OPTIONS"),
    ],
)
def test_every_resource_tells_what_it_takes(client: FlaskClient, path: str, methods: str) -> None:
    options = client.options(path)
    assert options.status_code == 200
    assert listed(options.headers["Allow"]) == set(methods.lower().split())
    refused = client.open(path, method="TRACE")
    assert refused.status_code == 405
    assert listed(refused.headers["Allow"]) == set(methods.lower().split())


PATCHES = {
    "/api/tasks/x": "application/json, application/merge-patch+json",
    "/api/tasks/x/complete": "application/json",
}


@pytest.mark.parametrize(
    "path", ["/api/tasks", "/api/tasks/x", "/api/tasks/x/complete", "/api/tasks/batch", "/"]
)
def test_the_types_of_a_patch_are_told_where_there_is_one(ada: Person, path: str) -> None:
    takes = PATCHES.get(path)
    as_text = ada.patch(path, data="title=x", content_type="text/plain")  # 415, or 405
    for answer in (ada.client.options(path), ada.call("TRACE", path), as_text):
        assert answer.headers.get("Accept-Patch") == takes


def test_an_unknown_path_is_not_said_to_allow_anything(ada: Person) -> None:
    answer = ada.client.options("/api/nowhere")
    assert answer.status_code == 404
    assert "Allow" not in answer.headers


def test_reads_may_be_kept_but_must_be_checked_and_writes_are_not_kept(ada: Person) -> None:
    created = ada.post(json={"title": "x"})
    path = created.headers["Location"]
    reads = [
        ada.get(),
        ada.get(path),
        ada.get(path, headers={"If-None-Match": "*"}),
    ]
    assert {answer.headers["Cache-Control"] for answer in reads} == {"private, no-cache"}
    writes = [created, ada.put(path, json={}), ada.patch(f"{path}/complete"), ada.delete(path), ada.get(path)]
    assert {answer.headers["Cache-Control"] for answer in writes} == {"no-store"}
    for answer in reads + writes:
        assert answer.headers["Vary"] == "Authorization, Origin"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


USUAL = (
    "Cache-Control",
    "Content-Security-Policy",
    "Cross-Origin-Resource-Policy",
    "Referrer-Policy",
    "Vary",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-Request-Id",
)


def test_every_answer_has_the_usual_fields_and_each_field_once(make_app: MakeApp) -> None:
    app = make_app(RATE_LIMIT="100/hour")
    app.add_url_rule("/api/broken", view_func=lambda: str(1 / 0))
    ada = Person(app.test_client(), "ada")
    from_ours = {"Origin": OURS}
    asked = {
        200: ada.get(headers=from_ours),
        201: ada.post(json={"title": "x"}, headers=from_ours),
        304: ada.get(headers={**from_ours, "If-None-Match": "*"}),
        400: ada.post(json={}, headers=from_ours),
        401: ada.client.get("/api/tasks", headers=from_ours),
        404: ada.get("/api/nowhere", headers=from_ours),
        405: ada.call("TRACE", "/api/tasks", headers=from_ours),
        413: ada.post(data=b" " * 300_000, content_type="application/json", headers=from_ours),
        500: ada.get("/api/broken", headers=from_ours),
    }
    answers = [*asked.values(), ada.client.options("/api/tasks", headers=from_ours), ada.get("/docs")]
    assert [answer.status_code for answer in answers] == [*asked, 200, 200]
    for answer in answers:
        names = [name.lower() for name in answer.headers.keys()]  # noqa: SIM118  # one for each field
        assert len(set(names)) == len(names), names
        assert {name.lower() for name in USUAL} <= set(names)
        if answer.request.path.startswith("/api"):
            assert {"access-control-allow-origin", "x-ratelimit-limit"} <= set(names)


@pytest.mark.parametrize("host", ["a b", "a..b", "a" * 300, "xn--", "[zz", "a@b", "", "*"])
def test_whatever_host_is_asked_for_is_no_error(app: Flask, host: str) -> None:
    environ = EnvironBuilder("/health").get_environ() | {"HTTP_HOST": host}
    answer = Response.from_app(app, environ)
    assert answer.status_code in (200, 400)
    assert answer.headers["X-Request-Id"]


@pytest.mark.parametrize("sent", ["a", "A-b_c.9", "x" * 64])
def test_a_sane_request_id_is_echoed(client: FlaskClient, sent: str) -> None:
    answer = client.get("/api/tasks", headers={"X-Request-Id": sent})
    assert answer.headers["X-Request-Id"] == sent == body(answer)["request_id"]


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", "a/b", "ä", "<script>", '"', "a,b"])
def test_any_other_request_id_is_replaced(client: FlaskClient, sent: str) -> None:
    answer = client.get("/health", headers={"X-Request-Id": sent})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])


def test_request_ids_differ(client: FlaskClient) -> None:
    assert len({client.get("/health").headers["X-Request-Id"] for _ in range(20)}) == 20


def test_no_answer_names_a_version_of_what_serves_it(ada: Person) -> None:
    for path in ("/", "/api/tasks", "/nowhere"):
        assert not re.search(r"\d", ada.get(path).headers.get("Server", ""))


def preflight(client: FlaskClient, origin: str, path: str = "/api/tasks", **headers: str) -> dict[str, str]:
    answer = client.options(
        path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": headers.get("method", "POST"),
            "Access-Control-Request-Headers": headers.get("headers", "authorization,content-type"),
        },
    )
    assert answer.status_code == 200
    return dict(answer.headers)


@pytest.mark.parametrize("origin", [OURS, "https://app.example.com"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_preflight_of_our_frontends_needs_no_token(client: FlaskClient, origin: str, method: str) -> None:
    for path in ("/api/tasks", "/api/tasks/", "/api/tasks/x", "/api/tasks/x/complete/"):
        answer = preflight(client, origin, path, method=method)
        assert answer["Access-Control-Allow-Origin"] == origin
        assert method.lower() in listed(answer["Access-Control-Allow-Methods"])
        assert listed(answer["Access-Control-Allow-Headers"]) == {"authorization", "content-type"}
        assert answer["Access-Control-Max-Age"] == "600"


def test_any_request_header_is_allowed(client: FlaskClient) -> None:
    sent = "authorization, idempotency-key, if-match, x-request-id, traceparent, baggage, x-of-some-library"
    answer = preflight(client, OURS, headers=sent)
    assert listed(answer["Access-Control-Allow-Headers"]) == listed(sent)


def test_scripts_may_read_what_they_need_of_answers_and_errors(ada: Person) -> None:
    for answer in (
        ada.get(headers={"Origin": OURS}),
        ada.post(json={}, headers={"Origin": OURS}),
        ada.get("/nowhere", headers={"Origin": OURS}),
        ada.call("TRACE", "/api/tasks", headers={"Origin": OURS}),
        ada.client.get("/api/tasks", headers={"Origin": OURS}),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == OURS
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert listed(READABLE.replace(" ", ",")) <= listed(answer.headers["Access-Control-Expose-Headers"])
        assert answer.headers.getlist("Vary") == ["Authorization, Origin"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://localhost:3000.evil.example",
        "http://localhost:30001",
        "https://localhost:3000",
        "http://appxexample.com",
        "https://sub.app.example.com",
        "null",
        "*",
        "",
    ],
)
def test_other_origins_are_not_let_in(ada: Person, origin: str) -> None:
    answers = [
        ada.get(headers={"Origin": origin}),
        ada.client.options("/api/tasks", headers={"Origin": origin}),
    ]
    for answer in answers:
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Origin" not in preflight(ada.client, origin)


@pytest.mark.parametrize(
    ("origin", "told"),
    [("https://evil.example", True), ("x" * 10_000, True), (OURS, False), ("http://localhost", False)],
)
def test_an_origin_that_is_refused_stands_in_the_log(
    client: FlaskClient, log_lines: LogLines, origin: str, told: bool
) -> None:
    client.get("/health", headers={"Origin": origin})  # the service itself is at http://localhost here
    assert bool(log_lines.all(f"origin not allowed: {origin[:200]}")) == told


def test_an_answer_to_no_origin_allows_none(ada: Person) -> None:
    assert "Access-Control-Allow-Origin" not in ada.get().headers


def cors_of(make_app: MakeApp, origins: str, origin: str, **more: str) -> dict[str, str]:
    answer = make_app(CORS_ORIGINS=origins, **more).test_client().get("/health", headers={"Origin": origin})
    return {name: value for name, value in answer.headers.items() if "Allow" in name}


def test_a_wildcard_never_comes_with_credentials(make_app: MakeApp) -> None:
    assert cors_of(make_app, "*", "https://any.example") == {"Access-Control-Allow-Origin": "*"}


def test_the_default_origins_are_the_auth_servers_and_localhost(make_app: MakeApp) -> None:
    auth = {"BETTER_AUTH_URL": "https://App.Example.com:443/"}
    for origin in ("https://app.example.com", OURS, "http://localhost:5173"):
        assert cors_of(make_app, "", origin, **auth)["Access-Control-Allow-Origin"] == origin
    assert not cors_of(make_app, "", "https://other.example.com", **auth)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://app.example.com", True),
        ("https://a.b.example.com", True),
        ("https://example.com", False),
        ("https://.example.com", False),
        ("http://app.example.com", False),
        ("https://app.example.com:8443", False),
        ("https://evilexample.com", False),
        ("https://evil.example/.example.com", False),
        ("https://app.example.com.evil.example", False),
        ("capacitor://localhost", True),
        ("ionic://localhost", False),
    ],
)
def test_all_subdomains_and_an_apps_own_scheme_can_be_let_in(
    make_app: MakeApp, origin: str, allowed: bool
) -> None:
    found = cors_of(make_app, "https://*.example.com,capacitor://localhost", origin)
    assert found.get("Access-Control-Allow-Origin") == (origin if allowed else None)


def test_an_ipv6_origin_is_taken_to_the_letter(make_app: MakeApp) -> None:
    assert cors_of(make_app, "http://[::1]:3000", "http://[::1]:3000")
    assert not cors_of(make_app, "http://[::1]:3000", "http://:")
