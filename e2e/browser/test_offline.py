"""The page without a network, or without the service."""

import re
from pathlib import Path

from playwright.sync_api import Response, expect

from e2e.browser.chromium import OFFLINE, OpenDevice
from e2e.browser.todo_page import (
    add,
    change_title,
    connection,
    is_saved,
    item,
    shows,
    titles,
    use_token,
    wait_for_titles,
)
from e2e.browser.website import Website, settings
from tests.service import Service


def test_the_page_goes_on_without_a_network_and_catches_up(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    for title in ("a", "b", "c"):
        service.call(ada, "POST", json={"title": title})
    of_ada = device(*OFFLINE)
    page = use_token(of_ada, website.url, ada)
    page.evaluate("navigator.serviceWorker.ready")
    of_ada.context.set_offline(True)
    expect(connection(page)).to_have_text("Offline")
    add(page, "d")
    change_title(page, "a", "A")
    page.get_by_role("checkbox", name="b").check()
    item(page, "c").get_by_role("button", name="Delete").click()
    expect(connection(page)).to_have_text("Offline · 3 not saved yet")
    service.call(ada, "POST", json={"title": "from elsewhere"})

    page.reload()
    shows(page, "d", "A", "b")
    # Some versions of Chromium tell a page that was loaded meanwhile nothing of being offline: it has to try,
    # six times, with pauses of 20 s in all.
    unsent = re.compile("^(Offline|Service not reachable) · 3 not saved yet$")
    expect(connection(page)).to_have_text(unsent, timeout=60_000)
    assert titles(service, ada) == ["a", "b", "c", "from elsewhere"]

    of_ada.context.set_offline(False)
    is_saved(page)
    shows(page, "d", "from elsewhere", "A", "b")
    assert titles(service, ada) == ["A", "b", "from elsewhere", "d"]
    assert [task["completed"] for task in service.call(ada, "GET", "/api/tasks?q=b").json()] == [True]


def test_an_account_erased_elsewhere_leaves_nothing_on_the_device_either(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    service.call(ada, "POST", json={"title": "Pay rent"})
    page = use_token(device("410"), website.url, ada)
    service.call(ada, "DELETE", "/api/account", json={"confirm": "erase"})
    add(page, "of the life before")
    shows(page)
    is_saved(page)
    assert titles(service, ada) == []
    add(page, "Water the plants")
    wait_for_titles(service, ada, "Water the plants")


def test_who_was_away_for_too_long_keeps_what_was_not_sent(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    service.call(ada, "POST", json={"title": "Pay rent"})
    page = use_token(device("410"), website.url, ada)
    page.evaluate(
        """name => {
            const state = JSON.parse(localStorage[name]);
            localStorage[name] = JSON.stringify({ ...state, token: "of long ago" });
        }""",
        f"tasks:{ada}",
    )
    add(page, "Water the plants")
    wait_for_titles(service, ada, "Pay rent", "Water the plants")
    shows(page, "Water the plants", "Pay rent")


def test_the_service_may_be_restarted_at_any_time(
    website: Website, device: OpenDevice, ada: str, tmp_path: Path
) -> None:
    service = Service(settings(website, tmp_path), tmp_path)
    website.configure(service.url)
    with service:
        page = use_token(device("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET"), website.url, ada)
        add(page, "before")
        is_saved(page)
    add(page, "meanwhile")
    shows(page, "meanwhile", "before")
    with service:
        expect(connection(page)).to_have_text("Saved", timeout=60_000)
        assert titles(service, ada) == ["before", "meanwhile"]


def test_a_pause_is_as_long_as_the_service_asks(
    website: Website, device: OpenDevice, ada: str, tmp_path: Path
) -> None:
    limited = {**settings(website, tmp_path), "RATE_LIMIT": "5/second", "WEB_CONCURRENCY": "1"}
    with Service(limited, tmp_path) as service:
        website.configure(service.url)
        of_ada = device("429")
        page = use_token(of_ada, website.url, ada)
        answers: list[tuple[int, float]] = []  # status, and when it was asked for, in milliseconds

        def note(answer: Response) -> None:
            if answer.request.method == "PUT":
                answers.append((answer.status, answer.request.timing["startTime"]))

        page.on("response", note)
        of_ada.context.set_offline(True)
        for number in range(12):
            add(page, f"{number}")
        of_ada.context.set_offline(False)  # and all of them are sent, one behind the other
        expect(connection(page)).to_have_text("Saved", timeout=60_000)
        service.wait_until(lambda: len(service.call(ada, "GET").json()) == 12)  # the limit is for us, too
    refused = [place for place, (status, _) in enumerate(answers) if status == 429]
    assert refused
    assert all(answers[place + 1][1] - answers[place][1] >= 1000 for place in refused)
