"""A browser, the example page on a web server, and the running service: one of each for all these tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from e2e.better_auth import BetterAuth
from e2e.browser.chromium import Device, OpenDevice, chromium
from e2e.browser.website import Website, settings
from tests.service import Service


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def website() -> Iterator[Website]:
    with Website() as website:
        yield website


@pytest.fixture(scope="package")
def auth(website: Website) -> Iterator[BetterAuth]:
    """Better Auth, whose tokens count for 2 s only: so every test that takes longer refreshes them."""
    with BetterAuth([website.url], jwt={"expirationTime": "2s"}) as auth:
        yield auth


@pytest.fixture(scope="package")
def running_service(
    website: Website, auth: BetterAuth, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("service")
    with Service({**settings(website, directory), "BETTER_AUTH_URL": auth.url}, directory) as service:
        yield service


@pytest.fixture
def service(running_service: Service, website: Website, auth: BetterAuth) -> Service:
    website.configure(running_service.url, auth.url)
    return running_service


@pytest.fixture
def device(browser: Browser) -> Iterator[OpenDevice]:
    """Makes devices; in the end none may have complained, or called anything but this machine."""
    devices: list[Device] = []

    def make(*refusals: str, **settings: str) -> Device:
        devices.append(Device(browser, *refusals, **settings))
        return devices[-1]

    yield make
    for each in devices:
        each.close()


@pytest.fixture
def ada(request: pytest.FixtureRequest) -> str:
    """Somebody who has no tasks yet."""
    return f"ada of {request.node.name}"
