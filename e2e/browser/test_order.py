"""The order by hand: tasks are dragged, or moved with the keyboard."""

import re

import pytest
from playwright.sync_api import Page, Position, expect

from e2e.browser.chromium import OpenDevice
from e2e.browser.todo_page import (
    add,
    create_in_order,
    drag,
    in_order,
    is_saved,
    item,
    order_by_hand,
    press_in,
    shows,
    use_token,
)
from e2e.browser.website import Website
from tests.service import Service


@pytest.fixture
def page(service: Service, website: Website, device: OpenDevice, ada: str) -> Page:
    """The order by hand, with tasks from a to d."""
    create_in_order(service, ada, "abcd")
    page = use_token(device(), website.url, ada)
    order_by_hand(page)
    shows(page, *"abcd")
    return page


@pytest.mark.parametrize(
    ("title", "onto", "above", "expected"),
    [
        ("a", "c", True, "bacd"),
        ("a", "c", False, "bcad"),
        ("a", "d", False, "bcda"),
        ("d", "b", True, "adbc"),
        ("d", "b", False, "abdc"),
        ("d", "a", True, "dabc"),
    ],
)
def test_a_task_that_is_dropped_between_two_others_stays_there(
    service: Service, page: Page, ada: str, title: str, onto: str, above: bool, expected: str
) -> None:
    drag(page, title, onto, above=above)
    shows(page, *expected)
    is_saved(page)
    assert in_order(service, ada) == expected


def test_tasks_are_dragged_among_those_that_are_shown(service: Service, page: Page, ada: str) -> None:
    page.get_by_role("checkbox", name="b").check()
    is_saved(page)
    shows(page, *"abcd")  # by hand what is done stays where it is, too
    page.get_by_role("radio", name="Pending").check()
    shows(page, *"acd")
    drag(page, "d", "a", above=False)
    shows(page, *"adc")
    is_saved(page)
    assert in_order(service, ada) == "adbc"


def drag_halfway(page: Page) -> None:
    """Drag the first task below the third, and hold it there."""
    item(page, "a").get_by_text("a", exact=True).hover()
    page.mouse.down()
    for _ in range(2):  # the first move begins the drag, the second is one of it
        item(page, "c").hover(position=Position(x=300, y=40), force=True)
    shows(page, *"bcad")


def test_a_drag_goes_on_while_the_page_catches_up(service: Service, page: Page, ada: str) -> None:
    drag_halfway(page)
    service.call(ada, "POST", json={"title": "e"})
    with page.expect_response(re.compile("/api/tasks/changes")):
        page.evaluate("dispatchEvent(new Event('focus'))")
    shows(page, *"bcad")
    page.mouse.up()
    shows(page, *"ebcad")
    is_saved(page)
    assert in_order(service, ada) == "ebcad"


def test_a_drag_that_is_given_up_changes_nothing(service: Service, page: Page, ada: str) -> None:
    writes: list[str] = []
    page.on("request", lambda request: writes.append(request.url) if request.method == "POST" else None)
    drag_halfway(page)
    page.keyboard.press("Escape")
    shows(page, *"abcd")
    page.mouse.up()
    add(page, "e")
    shows(page, *"eabcd")
    is_saved(page)
    assert writes == []
    assert in_order(service, ada) == "eabcd"


def test_a_task_is_moved_with_the_keyboard_and_keeps_the_focus(
    service: Service, page: Page, ada: str
) -> None:
    said = page.locator("#announcement")
    press_in(page, "c", "Alt+ArrowUp")
    shows(page, *"acbd")
    expect(said).to_have_text("Moved “c” to 2 of 4.")
    page.keyboard.press("Alt+ArrowUp")
    expect(said).to_have_text("Moved “c” to 1 of 4.")
    page.keyboard.press("Alt+ArrowUp")  # where it is the first, and stays
    shows(page, *"cabd")
    expect(page.get_by_role("checkbox", name="Completed: c")).to_be_focused()
    press_in(page, "b", "Alt+ArrowDown", "Alt+ArrowDown", "ArrowUp")
    expect(said).to_have_text("Moved “b” to 4 of 4.")
    shows(page, *"cadb")
    is_saved(page)
    assert in_order(service, ada) == "cadb"


def test_nothing_is_moved_in_another_order(service: Service, page: Page, ada: str) -> None:
    page.get_by_label("Order").select_option("A to Z")
    press_in(page, "a", "Alt+ArrowDown")
    drag(page, "a", "c", above=False)
    shows(page, *"abcd")
    is_saved(page)
    assert in_order(service, ada) == "abcd"


def test_other_devices_show_the_new_order(
    service: Service, website: Website, device: OpenDevice, page: Page, ada: str
) -> None:
    other = use_token(device(), website.url, ada)
    order_by_hand(other)
    shows(other, *"abcd")
    press_in(page, "a", "Alt+ArrowDown")
    is_saved(page)
    add(other, "e")  # and so hears of what has changed
    shows(other, *"ebacd")
