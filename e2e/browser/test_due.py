"""When a task is due, as it is shown and said where the viewer is."""

import pytest
from playwright.sync_api import expect

from e2e.browser.chromium import OpenDevice
from e2e.browser.todo_page import (
    add,
    change_title,
    fill_due,
    is_saved,
    item,
    shows,
    use_token,
    wait_for_titles,
)
from e2e.browser.website import Website
from tests.service import Service

# At noon UTC on 10 February: what that day reads like, and two moments; then those that are overdue.
WHERE = {
    "America/Los_Angeles": (("today", "yesterday, 22:00", "today, 23:30"), "b"),
    "Europe/Berlin": (("today", "today, 07:00", "tomorrow, 08:30"), "b"),
    "Pacific/Auckland": (("yesterday", "yesterday, 19:00", "today, 20:30"), "ab"),
}


@pytest.mark.parametrize("zone", WHERE)
def test_days_are_days_and_moments_are_shown_in_the_viewers_zone(
    service: Service, website: Website, device: OpenDevice, ada: str, zone: str
) -> None:
    dues = ("2026-02-10", "2026-02-10T06:00:00Z", "2026-02-11T07:30:00Z")
    for title, due in zip("abc", dues, strict=True):
        service.call(ada, "POST", json={"title": title, "due_date": due})
    of_ada = device(zone=zone)
    of_ada.context.clock.set_fixed_time("2026-02-10T12:00:00Z")
    page = use_token(of_ada, website.url, ada)
    said, overdue = WHERE[zone]
    for title, words in zip("abc", said, strict=True):
        expect(item(page, title).get_by_role("time")).to_have_text(words)
        expect(item(page, title).get_by_text("overdue")).to_be_visible(visible=title in overdue)
    page.get_by_label("Order").select_option("Due first")
    shows(page, *("bac" if zone == "America/Los_Angeles" else "abc"))

    for title in "abc":  # what is not changed stays to the second
        change_title(page, title, title.upper())
    wait_for_titles(service, ada, "A", "B", "C")
    assert [task["due_date"] for task in service.call(ada, "GET", "/api/tasks?order=asc").json()] == list(
        dues
    )


def test_a_task_is_due_on_a_day_or_at_a_moment(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    page = use_token(device(zone="America/Los_Angeles"), website.url, ada)

    def due_once(expected: str | None, day: str, time: str = "") -> None:
        page.get_by_role("button", name="Edit").click()
        fill_due(page, day, time)
        page.get_by_role("button", name="Save").click()
        service.wait_until(lambda: service.call(ada, "GET").json()[0]["due_date"] == expected)

    add(page, "Pay rent")
    is_saved(page)
    due_once("2030-02-10", "2030-02-10")
    expect(item(page, "Pay rent")).to_contain_text("10 Feb 2030")
    due_once("2030-02-11T07:30:00Z", "2030-02-10", "23:30")
    expect(item(page, "Pay rent")).to_contain_text("10 Feb 2030, 23:30")
    due_once("2030-02-11", "2030-02-11")
    due_once(None, "")
    page.get_by_role("button", name="Edit").click()
    fill_due(page, "", "09:00")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Due", exact=True)).to_be_focused()  # a time needs its day
