"""Mounted below a path, every address that an answer gives carries it (contract §1)."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client, TestResponse

from tests.conftest import MakeApp
from tests.people import SECRET, body, token_for
from tests.service import GRANIAN, GUNICORN, Service

EVIL = [
    "//evil.example",
    "https://evil.example",
    "evil",
    '/"><script>',
    "/a\tb",
    "/a\\b",
    "/a, //evil.example",
]


class Site:
    """A site with the service below `mount`: what is asked for there, is asked of `wsgi` below `inside`."""

    def __init__(self, wsgi: Any, mount: str, inside: str = "", **headers: str) -> None:
        self.client, self.mount, self.inside = Client(wsgi), mount, inside
        self.headers = {"Authorization": f"Bearer {token_for('ada')}", **headers}

    def open(self, address: str, method: str = "GET", **kwargs: Any) -> TestResponse:
        assert address.startswith(f"{self.mount}/")
        path = self.inside + address.removeprefix(self.mount)
        peer = {"REMOTE_ADDR": "127.0.0.1"}
        return self.client.open(
            path, method=method, headers=self.headers, environ_base=peer, buffered=True, **kwargs
        )


def addresses(site: Site) -> list[str]:
    """All that lead to something else, in answers of every kind that has them."""
    tasks = f"{site.mount}/api/tasks"
    made = [site.open(tasks, "POST", json={"title": "x"}).headers["Location"] for _ in range(2)]
    following = re.findall("<(.*)>", site.open(f"{tasks}?limit=1&status=pending").headers["Link"])
    links = body(site.open(f"{site.mount}/"))["links"].values()
    loaded = re.findall('(?:src|href)="(.*?)"', site.open(f"{site.mount}/docs").text)
    return [*made, *following, *links, *loaded]


def server_of(site: Site) -> str:
    """The only one that the OpenAPI document names."""
    (server,) = body(site.open(f"{site.mount}/openapi.json"))["servers"]
    return str(server["url"])


def assert_all_lead_somewhere(site: Site) -> None:
    assert len(found := addresses(site)) > 10
    assert all(site.open(address).status_code == 200 for address in found)
    assert server_of(site) == site.mount


@pytest.mark.parametrize("mount", ["/todo", "/a/b", f"/{'x' * 200}"])
def test_below_another_application_all_addresses_lead_somewhere(app: Flask, mount: str) -> None:
    assert_all_lead_somewhere(Site(DispatcherMiddleware(app, {mount: app}), mount, mount))


def test_a_path_may_hold_anything(app: Flask) -> None:
    below = DispatcherMiddleware(app, {"/tâches à faire".encode().decode("latin-1"): app})
    site = Site(below, "/tâches à faire", "/tâches à faire")
    answer = site.open("/tâches à faire/api/tasks", "POST", json={"title": "x"})
    assert answer.headers["Location"].startswith("/t%C3%A2ches%20%C3%A0%20faire/api/tasks/")
    site.open("/tâches à faire/api/tasks", "POST", json={"title": "x"})
    link = site.open("/tâches à faire/api/tasks?limit=1").headers["Link"]
    assert link.startswith("</t%C3%A2ches%20%C3%A0%20faire/api/tasks?limit=1&cursor=")


@pytest.mark.parametrize("trusted", ["1", "2", "127.0.0.0/8"])
@pytest.mark.parametrize("sent", ["/todo", "/todo/", "/forged, /todo"])
def test_behind_a_trusted_proxy_all_addresses_lead_somewhere(
    make_app: MakeApp, trusted: str, sent: str
) -> None:
    app = make_app(TRUSTED_PROXIES=trusted)
    assert_all_lead_somewhere(Site(app, "/todo", **{"X-Forwarded-Prefix": sent}))


def test_a_proxy_s_path_goes_before_that_of_the_server(make_app: MakeApp) -> None:
    below = DispatcherMiddleware(lambda *_: [], {"/todo": make_app(TRUSTED_PROXIES="1")})
    assert_all_lead_somewhere(Site(below, "/outer/todo", "/todo", **{"X-Forwarded-Prefix": "/outer"}))


@pytest.mark.parametrize(
    ("trusted", "sent"), [("", "/todo"), ("10.0.0.0/8", "/todo"), *(("1", e) for e in EVIL)]
)
def test_only_a_trusted_proxy_changes_where_addresses_lead(
    make_app: MakeApp, trusted: str, sent: str
) -> None:
    site = Site(make_app(TRUSTED_PROXIES=trusted), "", **{"X-Forwarded-Prefix": sent})
    assert all(re.match("/(api|docs|health|openapi)", address) for address in addresses(site))
    assert server_of(site) == "/"


@pytest.mark.parametrize("server", [GUNICORN, GRANIAN])
def test_servers_mount_as_their_manuals_say(tmp_path: Path, server: str) -> None:
    environment = {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": f"sqlite:///{tmp_path}/todo.db"}
    options = ("--url-path-prefix", "/todo") if server == GRANIAN else ()
    mounted = environment if server == GRANIAN else {**environment, "SCRIPT_NAME": "/todo"}
    service = Service(mounted, tmp_path, *options, server=server)
    service.url += "/todo"
    with service:
        for _ in range(2):
            made = service.call("ada", "POST", json={"title": "x"})
        link = service.call("ada", "GET", "/api/tasks?limit=1").links["next"]["url"]
        for address in (made.headers["Location"], link):
            assert address.startswith("/todo/api/tasks")
            url = f"http://127.0.0.1:{service.port}{address}"
            answer = httpx.get(url, headers={"Authorization": f"Bearer {token_for('ada')}"})
            assert answer.status_code == 200
