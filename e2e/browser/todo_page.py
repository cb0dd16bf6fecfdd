"""What people do on the example page, and what they see there."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, Position, Request, Route, expect

from e2e.browser.chromium import Device
from tests.people import token_for
from tests.service import Service

# What the page's own modules offer to `run`.
MODULES = """
    const { connect } = await import("./send.js");
    const { openTasks } = await import("./tasks.js");
    const { serviceUrl } = await import("./config.js");
    const { enter, getToken } = await import("./session.js");
"""


def use_token(device: Device, url: str, user: str) -> Page:
    """Open the page, and enter with a token as `flask token` prints it."""
    page = device.open(url)
    enter_token(page, user)
    return page


def enter_token(page: Page, user: str) -> None:
    if not page.get_by_label("Token").is_visible():
        page.get_by_text("Use a token").click()
    page.get_by_label("Token").fill(token_for(user))
    page.locator("#by-token").get_by_role("button").click()
    is_saved(page)


def use_password(page: Page, email: str, password: str) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.locator("#by-password").get_by_role("button").click()


def add(page: Page, title: str) -> None:
    page.get_by_label("New task").fill(title)
    page.get_by_role("button", name="Add", exact=True).click()


def change_title(page: Page, old: str, new: str, meanwhile: Callable[[], object] | None = None) -> None:
    """Edit a title; `meanwhile`, as the user is typing, something happens elsewhere."""
    edit(page, old, "Title", new, meanwhile)


def change_tags(page: Page, title: str, tags: str, meanwhile: Callable[[], object] | None = None) -> None:
    edit(page, title, "Tags", tags, meanwhile)


def edit(page: Page, title: str, name: str, text: str, meanwhile: Callable[[], object] | None) -> None:
    item(page, title).get_by_role("button", name="Edit").click()
    if meanwhile:
        meanwhile()
    page.get_by_role("textbox", name=name).fill(text)
    page.get_by_role("button", name="Save").click()


def fill_due(page: Page, day: str, time: str = "") -> None:
    """Say in the open editor when the task is due, by the device's calendar and clock."""
    page.get_by_label("Due", exact=True).fill(day)
    page.get_by_label("Time, if it matters").fill(time)


def item(page: Page, title: str) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_text(title, exact=True))


def shows(page: Page, *titles: str) -> None:
    """Wait until the page shows these tasks, in this order."""
    expect(page.locator("#list .title")).to_have_text(list(titles))


def order_by_hand(page: Page) -> None:
    page.get_by_label("Order").select_option("By hand")


def drag(page: Page, title: str, onto: str, *, above: bool) -> None:
    """Drag a task by its title onto the upper or the lower half of another, and drop it there."""
    target = item(page, onto)
    box = target.bounding_box()
    assert box
    place = Position(x=box["width"] / 2, y=box["height"] * (0.1 if above else 0.9))
    item(page, title).get_by_text(title, exact=True).drag_to(target, target_position=place)


def press_in(page: Page, title: str, *keys: str) -> None:
    """Press keys while the focus is on a task."""
    page.get_by_role("checkbox", name=f"Completed: {title}").focus()
    for key in keys:
        page.keyboard.press(key)


def connection(page: Page) -> Locator:
    return page.locator("#connection")


def is_saved(page: Page) -> None:
    """Wait until the service has heard of all that was done."""
    expect(connection(page)).to_have_text("Saved")


def titles(service: Service, user: str, sort: str = "sort=created&order=asc") -> list[str]:
    """The user's tasks as the service has them, the oldest first."""
    return [task["title"] for task in service.call(user, "GET", f"/api/tasks?{sort}").json()]


def create_in_order(service: Service, user: str, titles: str) -> dict[str, str]:
    """Create a task for each letter, with the first on top, and return their ids."""
    tasks = [service.call(user, "POST", json={"title": title}).json() for title in reversed(titles)]
    return {task["title"]: task["id"] for task in tasks}


def in_order(service: Service, user: str) -> str:
    """The user's tasks of one letter each, in the order by hand as the service has it."""
    return "".join(titles(service, user, "sort=position"))


def wait_for_titles(service: Service, user: str, *expected: str) -> None:
    service.wait_until(lambda: titles(service, user) == list(expected))


def tab_to(page: Page, role: Any, name: str) -> None:
    """Press the tabulator until the focus is there, and can be seen.

    Raises AssertionError if it does not get there.
    """
    target = page.get_by_role(role, name=name, exact=True)
    for _ in range(30):
        if target.evaluate("element => element.matches(':focus-visible')"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} cannot be reached")


def run(page: Page, script: str, given: Any = None) -> Any:
    """Run JavaScript in the page, with its modules and what is `given`; return what it returns."""
    return page.evaluate(f"async (given) => {{ {MODULES} {script} }}", given)


def lose_first_answer(page: Page, url: str | re.Pattern[str]) -> list[Request]:
    """Let the first request to `url` be done and its answer be lost; return what will be requested."""
    requests: list[Request] = []

    def handle(route: Route) -> None:
        requests.append(route.request)
        if len(requests) == 1:
            route.fetch()
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(url, handle)
    return requests
