"""Swagger UI at /docs: ours alone, offline, under a strict Content-Security-Policy (contract §7)."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.people import body


def load(client: FlaskClient, path: str, **kwargs: Any) -> TestResponse:
    """What is at `path`, read to its end, so that no file stays open."""
    return client.get(path, buffered=True, **kwargs)


@pytest.fixture
def page(client: FlaskClient) -> str:
    return load(client, "/docs").text


def addresses(page: str) -> list[str]:
    return re.findall('(?:src|href)="(.*?)"', page)


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
def test_the_page_is_there_with_and_without_a_slash(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")


def test_the_page_s_policy_allows_nothing_inline_and_nobody_else(client: FlaskClient) -> None:
    written = client.get("/docs").headers["Content-Security-Policy"]
    policy = {name: sources for name, _, sources in (part.partition(" ") for part in written.split("; "))}
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_the_page_has_no_inline_script_or_style(page: str) -> None:
    assert re.findall("<script[^>]*>(.*?)</script>", page, re.DOTALL) == ["", ""]
    assert "<style" not in page
    assert not re.search(r"\s(style|on\w+)=", page)


def test_the_page_names_no_other_server(client: FlaskClient, page: str) -> None:
    assert addresses(page)
    assert all(address.startswith("/docs/") for address in addresses(page))
    assert "//" not in page + re.sub("//.*", "", load(client, "/docs/start.js").text)


def test_everything_the_page_loads_is_served_with_its_type(client: FlaskClient, page: str) -> None:
    types = {"js": "text/javascript", "css": "text/css", "png": "image/png"}
    for address in addresses(page):
        answer = load(client, address)
        assert (answer.status_code, answer.mimetype) == (200, types[address.rpartition(".")[2]]), address
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_shows_our_document_and_asks_no_validator(client: FlaskClient) -> None:
    script = load(client, "/docs/start.js").text
    assert 'new URL("../openapi.json", document.currentScript.src)' in script
    assert "validatorUrl: null" in script


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/docs/start.js"])
@pytest.mark.parametrize("suffix", ["", "-gzip", "--gzip", "-br", "-zstd"])
def test_an_etag_is_known_again_whatever_a_proxy_adds(client: FlaskClient, path: str, suffix: str) -> None:
    tag = load(client, path).headers["ETag"].removesuffix('"') + f'{suffix}"'
    for sent in (tag, f"W/{tag}", f'"x", {tag}'):
        assert load(client, path, headers={"If-None-Match": sent}).status_code == 304
    assert load(client, path, headers={"If-None-Match": tag.replace('"', '"x', 1)}).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/docs/start.js"])
def test_conditions_that_mean_nothing_here_are_left_alone(client: FlaskClient, path: str) -> None:
    far = "Sat, 01 Jan 99999999999 00:00:00 GMT"
    for headers in (
        {"If-Modified-Since": far},
        {"If-Unmodified-Since": far},
        {"If-Range": far, "Range": "bytes=0-1"},
        {"If-Match": "*"},
        {"If-Match": '"x"'},
    ):
        assert load(client, path, headers=headers).status_code == 200


@pytest.mark.parametrize("asset", ["unknown.js", "index.html", "LICENSE", "../docs.py", "%2e%2e/docs.py"])
def test_other_files_are_not_served(client: FlaskClient, asset: str) -> None:
    answer = client.get(f"/docs/{asset}")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert body(answer)["code"] == "not_found"
