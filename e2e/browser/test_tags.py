"""Tags: typed in, shown beside each task, and filtered by."""

from functools import partial

from playwright.sync_api import expect

from e2e.browser.chromium import OpenDevice
from e2e.browser.todo_page import change_tags, item, shows, use_token
from e2e.browser.website import Website
from tests.service import Service


def test_tags_are_typed_in_with_commas_between_them(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    page = use_token(device(), website.url, ada)
    page.get_by_label("New task").fill("Pay rent")
    page.get_by_role("button", name="Details").click()
    page.get_by_role("textbox", name="Tags").fill("home, , to do ,Home")
    page.get_by_role("button", name="Save").click()
    expect(item(page, "Pay rent").locator(".tags button")).to_have_text(["home", "to do"])
    service.wait_until(lambda: service.call(ada, "GET").json()[0]["tags"] == ["home", "to do"])

    item(page, "Pay rent").get_by_role("button", name="Edit").click()
    expect(page.get_by_role("textbox", name="Tags")).to_have_value("home, to do")
    page.get_by_role("textbox", name="Tags").fill("")
    page.get_by_role("button", name="Save").click()
    service.wait_until(lambda: service.call(ada, "GET").json()[0]["tags"] == [])
    expect(item(page, "Pay rent").locator(".tags button")).to_have_count(0)


def test_a_click_on_a_tag_shows_only_tasks_that_have_it(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    for title, tags in (("a", ["home"]), ("b", ["work"]), ("c", []), ("d", ["work", "HOME"])):
        service.call(ada, "POST", json={"title": title, "tags": tags})
    page = use_token(device(), website.url, ada)
    item(page, "a").get_by_role("button", name="home").click()
    shows(page, "d", "a")
    expect(item(page, "a").get_by_role("button", name="home")).to_be_focused()
    item(page, "d").get_by_role("button", name="work").click()
    shows(page, "d", "b")
    page.get_by_role("combobox", name="Tag").select_option("All tags")
    shows(page, "d", "c", "b", "a")


def test_tags_that_agree_but_for_case_are_one(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    spellings = ["\u0131s\u0131", "isi", "ISI", "Stra\u00dfe", "STRASSE"]
    for title, tag in zip("abcde", spellings, strict=True):
        service.call(ada, "POST", json={"title": title, "tags": [tag]})
    page = use_token(device(), website.url, ada)
    for tag, expected in (("\u0131s\u0131 (1)", "a"), ("ISI (2)", "cb"), ("STRASSE (2)", "ed")):
        page.get_by_role("combobox", name="Tag").select_option(tag)
        shows(page, *expected)
    found = service.call(ada, "GET", "/api/tasks", params={"tag": "strasse"}).json()
    assert [task["title"] for task in found] == ["e", "d"]


def test_the_tags_to_filter_by_are_those_of_the_tasks(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    service.call(ada, "POST", json={"title": "a", "tags": ["home"], "completed": True})
    service.call(ada, "POST", json={"title": "b", "tags": ["work"]})
    service.call(ada, "POST", json={"title": "c", "tags": ["Home"]})
    page = use_token(device(), website.url, ada)
    offered = page.get_by_role("combobox", name="Tag")
    expect(offered.get_by_role("option")).to_have_text(["All tags", "Home (1)", "work (1)"])
    item(page, "b").get_by_role("button", name="work").click()
    shows(page, "b")
    item(page, "b").get_by_role("button", name="Delete").click()
    shows(page, "c", "a")  # for there is no such tag any more
    expect(offered.locator("option:checked")).to_have_text("All tags")
    expect(offered.get_by_role("option")).to_have_text(["All tags", "Home (1)"])


def test_a_tag_the_service_refuses_is_told_where_tags_are_typed_in(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    service.call(ada, "POST", json={"title": "Pay rent"})
    page = use_token(device("400"), website.url, ada)
    change_tags(page, "Pay rent", "x" * 51)
    editor = page.get_by_role("dialog", name="Edit task")
    expect(editor.get_by_role("textbox", name="Tags")).to_have_accessible_description(
        "Each tag must be a text of 1 to 50 characters without commas and control characters."
    )


def test_the_later_of_two_devices_that_change_the_tags_is_asked(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    task = service.call(ada, "POST", json={"title": "Pay rent", "tags": ["home"]}).json()
    page = use_token(device("412"), website.url, ada)
    theirs = partial(service.call, ada, "PATCH", f"/api/tasks/{task['id']}", json={"tags": []})
    change_tags(page, "Pay rent", "home, money", meanwhile=theirs)
    question = page.get_by_role("dialog", name="Which version shall stay?")
    expect(question.get_by_role("row").last).to_have_text("Tagshome, moneynone")
    question.get_by_role("button", name="Keep mine").click()
    service.wait_until(lambda: service.call(ada, "GET").json()[0]["tags"] == ["home", "money"])
