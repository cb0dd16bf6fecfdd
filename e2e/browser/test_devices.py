"""Several devices, or tabs, of one user: what each sees of the others, and who is asked in a conflict."""

from functools import partial

import pytest
from playwright.sync_api import expect

from e2e.browser.chromium import OFFLINE, OpenDevice
from e2e.browser.todo_page import add, change_title, is_saved, item, shows, titles, use_token, wait_for_titles
from e2e.browser.website import Website
from tests.service import Service


@pytest.mark.parametrize(("choice", "stays"), [("Keep mine", "Mine"), ("Take theirs", "Theirs")])
def test_the_later_of_two_devices_that_change_the_same_is_asked(
    service: Service, website: Website, device: OpenDevice, ada: str, choice: str, stays: str
) -> None:
    service.call(ada, "POST", json={"title": "Pay rent"})
    one, other = use_token(device(), website.url, ada), use_token(device("412"), website.url, ada)

    def change_first() -> None:
        change_title(one, "Pay rent", "Theirs")
        wait_for_titles(service, ada, "Theirs")

    change_title(other, "Pay rent", "Mine", meanwhile=change_first)
    question = other.get_by_role("dialog", name="Which version shall stay?")
    expect(question.get_by_role("row").last).to_have_text("TitleMineTheirs")
    assert titles(service, ada) == ["Theirs"]
    question.get_by_role("button", name=choice).click()
    shows(other, stays)
    is_saved(other)
    assert titles(service, ada) == [stays]


def test_a_conflict_may_wait_and_holds_up_nothing_else(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    task = service.call(ada, "POST", json={"title": "Pay rent"}).json()
    page = use_token(device("412"), website.url, ada)
    theirs = partial(service.call, ada, "PUT", f"/api/tasks/{task['id']}", json={"title": "Theirs"})
    change_title(page, "Pay rent", "Mine", meanwhile=theirs)
    page.get_by_role("button", name="Decide later").click()
    add(page, "Water the plants")
    wait_for_titles(service, ada, "Theirs", "Water the plants")
    page.reload()
    expect(item(page, "Mine")).to_contain_text("This was changed elsewhere, too.")
    item(page, "Mine").get_by_role("button", name="Resolve").click()
    page.get_by_role("button", name="Keep mine").click()
    wait_for_titles(service, ada, "Mine", "Water the plants")


def test_two_devices_that_change_different_members_are_not_asked(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    task = service.call(ada, "POST", json={"title": "Pay rent"}).json()
    page = use_token(device("412"), website.url, ada)
    theirs = partial(service.call, ada, "PUT", f"/api/tasks/{task['id']}", json={"priority": "low"})
    change_title(page, "Pay rent", "Pay the rent", meanwhile=theirs)
    expect(item(page, "Pay the rent")).to_contain_text("low")
    is_saved(page)
    (now,) = service.call(ada, "GET").json()
    assert (now["title"], now["priority"]) == ("Pay the rent", "low")


def test_two_tabs_share_the_tasks_and_notice_each_other(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    service.call(ada, "POST", json={"title": "Pay rent"})
    both = device("401")  # each tab is given its token by hand
    one = use_token(both, website.url, ada)
    other = use_token(both, website.url, ada)

    def change_first() -> None:
        change_title(one, "Pay rent", "Of the first tab")
        shows(other, "Of the first tab")

    change_title(other, "Pay rent", "Of the second tab", meanwhile=change_first)
    expect(other.get_by_role("row").last).to_have_text("TitleOf the second tabOf the first tab")
    other.get_by_role("button", name="Keep mine").click()
    shows(one, "Of the second tab")
    is_saved(other)
    assert titles(service, ada) == ["Of the second tab"]


@pytest.mark.parametrize(("choice", "stays"), [("Keep mine", ["Mine"]), ("Take theirs", [])])
def test_a_task_deleted_elsewhere_meanwhile_may_come_back(
    service: Service, website: Website, device: OpenDevice, ada: str, choice: str, stays: list[str]
) -> None:
    task = service.call(ada, "POST", json={"title": "Pay rent"}).json()
    page = use_token(device("404"), website.url, ada)
    deletion = partial(service.call, ada, "DELETE", f"/api/tasks/{task['id']}")
    change_title(page, "Pay rent", "Mine", meanwhile=deletion)
    expect(page.get_by_text("it was deleted elsewhere")).to_be_visible()
    page.get_by_role("button", name=choice).click()
    shows(page, *stays)
    is_saved(page)
    assert titles(service, ada) == stays


@pytest.mark.parametrize(("choice", "stays"), [("Delete it", []), ("Take theirs", ["Theirs"])])
def test_a_task_that_was_changed_elsewhere_is_not_deleted_without_asking(
    service: Service, website: Website, device: OpenDevice, ada: str, choice: str, stays: list[str]
) -> None:
    task = service.call(ada, "POST", json={"title": "Pay rent"}).json()
    page = use_token(device("412"), website.url, ada)
    service.call(ada, "PATCH", f"/api/tasks/{task['id']}", json={"title": "Theirs"})
    item(page, "Pay rent").get_by_role("button", name="Delete").click()
    expect(item(page, "Pay rent")).to_contain_text("This was changed elsewhere, too.")
    assert titles(service, ada) == ["Theirs"]
    item(page, "Pay rent").get_by_role("button", name="Resolve").click()
    expect(page.get_by_text("While you were deleting this task")).to_be_visible()
    expect(page.get_by_role("row").last).to_have_text("TitlePay rentTheirs")
    page.get_by_role("button", name=choice).click()
    shows(page, *stays)
    wait_for_titles(service, ada, *stays)


def test_a_task_that_was_changed_here_is_deleted(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    revision = service.call(ada, "POST", json={"title": "Pay rent"}).json()["revision"]
    of_ada = device(*OFFLINE)
    page = use_token(of_ada, website.url, ada)
    of_ada.context.set_offline(True)
    change_title(page, "Pay rent", "Pay the rent")
    item(page, "Pay the rent").get_by_role("button", name="Delete").click()
    writes = []
    page.on(
        "request", lambda request: writes.append(request) if request.method in ("PATCH", "DELETE") else None
    )
    of_ada.context.set_offline(False)
    wait_for_titles(service, ada)
    is_saved(page)
    seen = [(request.method, request.headers["if-match"]) for request in writes]
    assert seen == [("PATCH", f'"{revision}"'), ("DELETE", f'"{revision + 1}"')]
    assert len({request.headers["idempotency-key"] for request in writes}) == 2
