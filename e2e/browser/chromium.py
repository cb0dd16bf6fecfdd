"""A real browser, and what has to hold of everything that it does."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

SECONDS = 20  # for something to show on a busy machine; retries with their pauses take some of them
OFFLINE = ("ERR_INTERNET_DISCONNECTED",)  # what a device may be refused that is without a network
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # for it likes to call home all the same
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's Chromium; every context in it is an empty profile."""
    expect.set_options(timeout=1000 * SECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        yield browser
        browser.close()


class Device:
    """Somebody's device: what it stores is its own; its tabs share it.

    Args:
        browser: where it runs.
        refusals: what may be refused, as Chromium reports it: "412", "ERR_CONNECTION_REFUSED".
        zone: the time zone its clock is set to.
    """

    def __init__(self, browser: Browser, *refusals: str, zone: str = "Europe/Brussels") -> None:
        self.refusals = refusals
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.context: BrowserContext = browser.new_context(
            viewport={"width": 1280, "height": 900}, locale="en-GB", timezone_id=zone
        )
        self.context.set_default_timeout(1000 * SECONDS)
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.context.on("console", self.note)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def note(self, message: ConsoleMessage) -> None:
        is_refusal = message.text.startswith("Failed to load resource: ")
        if is_refusal and any(refusal in message.text for refusal in self.refusals):
            return
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location['url']})")

    def open(self, url: str) -> Page:
        page = self.context.new_page()
        page.goto(url)
        return page

    def close(self) -> None:
        """Raises AssertionError if the console complained, or a request was to leave the machine."""
        self.context.close()
        assert not self.complaints, self.complaints
        assert {urlsplit(url).hostname for url in self.requests if url.startswith("http")} == {"127.0.0.1"}


OpenDevice = Callable[..., Device]
