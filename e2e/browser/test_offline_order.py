"""The order by hand without a network: moves are shown at once, and land where they were meant to."""

import pytest
from playwright.sync_api import Request, expect

from e2e.browser.chromium import OFFLINE, OpenDevice
from e2e.browser.todo_page import (
    add,
    change_title,
    connection,
    create_in_order,
    drag,
    in_order,
    is_saved,
    item,
    lose_first_answer,
    order_by_hand,
    press_in,
    run,
    shows,
    use_token,
)
from e2e.browser.website import Website
from tests.service import Service

# Of tasks that are gone 404, of a neighbour 400, and 412 of tasks that others have moved meanwhile.
REFUSALS = (*OFFLINE, "400", "404", "412")


class Offline:
    """A page without a network, with tasks from a to e in the order by hand; others go on meanwhile."""

    def __init__(self, service: Service, website: Website, device: OpenDevice, user: str) -> None:
        self.service = service
        self.user = user
        self.ids = create_in_order(service, user, "abcde")
        self.device = device(*REFUSALS)
        self.page = use_token(self.device, website.url, user)
        self.moves: list[Request] = []
        self.page.on("request", lambda each: self.moves.append(each) if each.url.endswith("/move") else None)
        order_by_hand(self.page)
        shows(self.page, *"abcde")
        self.page.evaluate("navigator.serviceWorker.ready")
        self.device.context.set_offline(True)
        expect(connection(self.page)).to_have_text("Offline")

    def delete_elsewhere(self, *titles: str) -> None:
        for title in titles:
            assert self.service.call(self.user, "DELETE", f"/api/tasks/{self.ids[title]}").status_code == 204

    def move_elsewhere(self, title: str, **place: str) -> None:
        path = f"/api/tasks/{self.ids[title]}/move"
        assert self.service.call(self.user, "POST", path, json=place).status_code == 200

    def queue(self) -> object:
        """What is to be sent, also where the page shows nothing of it."""
        return run(self.page, "return JSON.parse(localStorage[given]).queue;", f"tasks:{self.user}")

    def lands(self, expected: str) -> None:
        """The network is back, and all is sent: then this is the order here and in the service."""
        self.device.context.set_offline(False)
        self.service.wait_until(lambda: self.queue() == [])
        is_saved(self.page)
        shows(self.page, *expected)
        assert in_order(self.service, self.user) == expected


@pytest.fixture
def offline(service: Service, website: Website, device: OpenDevice, ada: str) -> Offline:
    return Offline(service, website, device, ada)


def test_a_move_without_a_network_is_shown_at_once_and_sent_later(offline: Offline) -> None:
    drag(offline.page, "a", "d", above=True)
    shows(offline.page, *"bcade")
    expect(connection(offline.page)).to_have_text("Offline · 1 not saved yet")
    assert in_order(offline.service, offline.user) == "abcde"
    offline.lands("bcade")


def test_a_move_lands_beside_its_neighbour_wherever_that_is_meanwhile(offline: Offline) -> None:
    drag(offline.page, "a", "c", above=False)
    offline.move_elsewhere("c", to="bottom")
    offline.lands("bdeca")


# Between two tasks, of which the first, the second, or both are gone; nearer to the top, or to the bottom.
@pytest.mark.parametrize(
    ("onto", "gone", "expected"),
    [("c", "c", "bade"), ("c", "d", "bcae"), ("b", "bc", "ade"), ("d", "de", "bca")],
)
def test_a_move_whose_neighbour_is_gone_lands_beside_the_other_or_at_the_nearest_end(
    offline: Offline, onto: str, gone: str, expected: str
) -> None:
    drag(offline.page, "a", onto, above=False)
    offline.delete_elsewhere(*gone)
    offline.lands(expected)


def test_a_move_of_a_task_that_is_gone_is_forgotten(offline: Offline) -> None:
    drag(offline.page, "a", "c", above=False)
    offline.delete_elsewhere("a")
    offline.lands("bcde")


def test_tasks_made_without_a_network_are_moved_and_moved_to(offline: Offline) -> None:
    add(offline.page, "x")
    add(offline.page, "y")
    shows(offline.page, *"yxabcde")
    drag(offline.page, "x", "c", above=False)
    drag(offline.page, "e", "x", above=True)
    shows(offline.page, *"yabcexd")
    offline.page.reload()
    order_by_hand(offline.page)
    offline.lands("yabcexd")


def test_the_last_of_several_moves_of_a_task_is_sent(offline: Offline) -> None:
    press_in(offline.page, "a", *["Alt+ArrowDown"] * 3)
    shows(offline.page, *"bcdae")
    offline.lands("bcdae")
    assert len(offline.moves) == 1


def test_a_move_beside_which_another_task_was_put_is_sent_all_the_same(offline: Offline) -> None:
    drag(offline.page, "a", "d", above=False)
    drag(offline.page, "b", "a", above=False)
    drag(offline.page, "a", "c", above=True)
    shows(offline.page, *"acdbe")
    offline.lands("acdbe")
    assert len(offline.moves) == 3


@pytest.mark.parametrize(
    ("method", "told", "expected"),
    [
        ("PATCH", "This was changed elsewhere, too.", "bcTde"),
        ("DELETE", "This was deleted elsewhere.", "bcde"),
    ],
)
def test_where_a_task_goes_is_kept_whatever_becomes_of_a_change_in_conflict(
    offline: Offline, method: str, told: str, expected: str
) -> None:
    change_title(offline.page, "a", "A")
    drag(offline.page, "A", "c", above=False)
    path = f"/api/tasks/{offline.ids['a']}"
    offline.service.call(offline.user, method, path, json={"title": "T"} if method == "PATCH" else None)
    offline.device.context.set_offline(False)
    expect(item(offline.page, "A")).to_contain_text(told)
    item(offline.page, "A").get_by_role("button", name="Resolve").click()
    offline.page.get_by_role("button", name="Take theirs").click()
    offline.lands(expected)


def test_a_move_whose_answer_is_lost_is_sent_again_with_the_same_key(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    ids = create_in_order(service, ada, "abc")
    page = use_token(device("ERR_CONNECTION_RESET"), website.url, ada)
    order_by_hand(page)
    requests = lose_first_answer(page, f"{service.url}/api/tasks/{ids['a']}/move")
    press_in(page, "a", "Alt+ArrowDown")
    is_saved(page)
    assert len(requests) == 2
    assert len({request.headers["idempotency-key"] for request in requests}) == 1
    shows(page, *"bac")
    assert in_order(service, ada) == "bac"


def test_a_device_goes_on_with_what_it_kept_before_tasks_had_tags_and_positions(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    create_in_order(service, ada, "abcd")
    page = use_token(device(), website.url, ada)
    run(
        page,
        """
        const state = JSON.parse(localStorage[given]);
        for (const task of Object.values(state.tasks)) delete task.position, delete task.tags;
        const body = { title: "e", completed: false, created_at: new Date().toISOString() };
        state.queue.push({ key: "of-then", method: "PUT", id: crypto.randomUUID(), body });
        localStorage[given] = JSON.stringify(state);
        """,
        f"tasks:{ada}",
    )
    page.reload()
    order_by_hand(page)
    shows(page, *"eabcd")
    drag(page, "a", "d", above=False)
    is_saved(page)
    assert in_order(service, ada) == "ebcda"
