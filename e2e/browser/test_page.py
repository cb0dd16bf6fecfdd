"""What people do on the example page, and the documentation, in a real browser."""

from playwright.sync_api import expect

from e2e.browser.chromium import OpenDevice
from e2e.browser.todo_page import (
    change_title,
    fill_due,
    is_saved,
    item,
    shows,
    tab_to,
    titles,
    use_token,
    wait_for_titles,
)
from e2e.browser.website import Website
from tests.people import token_for
from tests.service import Service


def test_a_task_is_added_edited_completed_and_deleted(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    page = use_token(device(), website.url, ada)
    page.get_by_label("New task").fill("Pay rent")
    page.get_by_role("button", name="Details").click()
    page.get_by_label("Description").fill("The landlord's account has changed.")
    page.get_by_role("radio", name="High").check()
    fill_due(page, "2030-12-01", "09:00")
    page.get_by_role("button", name="Save").click()
    wait_for_titles(service, ada, "Pay rent")
    (task,) = service.call(ada, "GET").json()
    assert task["description"] == "The landlord's account has changed."
    assert (task["priority"], task["due_date"]) == ("high", "2030-12-01T08:00:00Z")
    expect(item(page, "Pay rent")).to_contain_text("high")
    expect(item(page, "Pay rent")).to_contain_text("1 Dec 2030, 09:00")

    change_title(page, "Pay rent", "Pay the rent")
    wait_for_titles(service, ada, "Pay the rent")
    page.get_by_role("checkbox", name="Pay the rent").check()
    service.wait_until(lambda: service.call(ada, "GET").json()[0]["completed"])
    assert {**service.call(ada, "GET").json()[0], "title": "Pay rent"}.items() >= {
        "description": task["description"],
        "priority": task["priority"],
        "due_date": task["due_date"],
    }.items()

    item(page, "Pay the rent").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Nothing to do. Enjoy the day!")).to_be_visible()
    wait_for_titles(service, ada)
    page.get_by_role("button", name="Undo").click()
    wait_for_titles(service, ada, "Pay the rent")
    (again,) = service.call(ada, "GET").json()
    assert again["completed"]
    assert again["id"] != task["id"]  # which is deleted for good, on every device


def test_tasks_are_filtered_searched_and_sorted(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    for task in (
        {"title": "Water the plants", "completed": True},
        {"title": "Book the train", "priority": "low", "due_date": "2030-01-02"},
        {"title": "Pay rent", "priority": "high", "due_date": "2030-01-03", "description": "By TRAIN mail"},
    ):
        service.call(ada, "POST", json=task)
    page = use_token(device(), website.url, ada)
    shows(page, "Pay rent", "Book the train", "Water the plants")
    page.get_by_role("radio", name="Completed").check()
    shows(page, "Water the plants")
    page.get_by_role("radio", name="Pending").check()
    shows(page, "Pay rent", "Book the train")
    page.get_by_label("Order").select_option("Due first")
    shows(page, "Book the train", "Pay rent")
    page.get_by_label("Order").select_option("By priority")
    shows(page, "Pay rent", "Book the train")
    page.get_by_label("Order").select_option("A to Z")
    page.get_by_label("Search").fill("the train")
    shows(page, "Book the train")
    page.get_by_label("Search").fill("train")
    shows(page, "Book the train", "Pay rent")
    page.get_by_label("Search").fill("plane")
    expect(page.get_by_text("No task matches.")).to_be_visible()


def test_completed_tasks_are_cleared_and_brought_back(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    for title, completed in (("a", True), ("b", False), ("c", True)):
        service.call(ada, "POST", json={"title": title, "completed": completed})
    page = use_token(device(), website.url, ada)
    page.get_by_role("button", name="Clear completed").click()
    expect(page.get_by_role("status").filter(has_text="Deleted 2 completed.")).to_be_visible()
    assert titles(service, ada) == ["b"]
    page.get_by_role("button", name="Undo").click()
    service.wait_until(lambda: sorted(titles(service, ada)) == ["a", "b", "c"])


def test_what_the_service_refuses_is_shown_where_it_belongs(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    page = use_token(device("400"), website.url, ada)
    page.get_by_label("New task").fill("x" * 201)
    page.get_by_role("button", name="Details").click()
    page.get_by_label("Description").fill("y" * 1001)
    page.get_by_role("button", name="Save").click()
    editor = page.get_by_role("dialog", name="Edit task")
    expect(editor.get_by_label("Title")).to_have_accessible_description("Length must be between 1 and 200.")
    expect(editor.get_by_label("Description")).to_have_accessible_description(
        "Longer than maximum length 1000."
    )
    expect(editor.get_by_label("Due")).to_have_accessible_description("")
    editor.get_by_label("Title").fill("Pay rent")
    editor.get_by_label("Description").fill("")
    editor.get_by_role("button", name="Save").click()
    wait_for_titles(service, ada, "Pay rent")
    shows(page, "Pay rent")


def test_the_page_can_be_used_with_the_keyboard_alone(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    page = use_token(device(), website.url, ada)
    page.get_by_label("New task").focus()
    page.keyboard.type("Pay rent\nWater the plants\n")
    is_saved(page)

    tab_to(page, "checkbox", "Completed: Water the plants")
    page.keyboard.press("Space")
    shows(page, "Pay rent", "Water the plants")
    expect(page.get_by_role("checkbox", name="Completed: Water the plants")).to_be_focused()
    tab_to(page, "button", "Delete Water the plants")
    page.keyboard.press("Enter")
    expect(page.get_by_role("checkbox", name="Completed: Pay rent")).to_be_focused()
    tab_to(page, "button", "Undo")
    page.keyboard.press("Enter")
    shows(page, "Pay rent", "Water the plants")
    tab_to(page, "button", "Edit Pay rent")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Title")).to_be_focused()
    page.keyboard.type(" at last\n")
    page.keyboard.press("Escape")
    shows(page, "Pay rent at last", "Water the plants")
    is_saved(page)
    assert sorted(titles(service, ada)) == ["Pay rent at last", "Water the plants"]


def test_the_page_fits_on_a_phone(service: Service, website: Website, device: OpenDevice, ada: str) -> None:
    task = {"title": "Donaudampfschifffahrt" * 9, "description": "x" * 1000, "tags": ["y" * 50]}
    service.call(ada, "POST", json=task)
    page = use_token(device(), website.url, ada)
    page.set_viewport_size({"width": 390, "height": 844})
    width = "document.documentElement.scrollWidth"
    assert page.evaluate(width) == 390
    page.get_by_role("button", name="Edit").click()
    assert page.evaluate(width) == 390


def test_the_documentation_tries_a_post_out(service: Service, device: OpenDevice, ada: str) -> None:
    page = device().open(f"{service.url}/docs")
    page.get_by_role("button", name="Authorize").click()
    page.get_by_label("auth-bearer-value").fill(token_for(ada))
    page.locator(".auth-btn-wrapper").get_by_role("button", name="Apply credentials").click()
    page.locator(".auth-btn-wrapper").get_by_role("button", name="Close").click()
    operation = page.locator("#operations-tasks-create_task")
    operation.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.locator("textarea").fill('{"title": "Pay rent"}')
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response-col_status").last).to_have_text("201")
    assert titles(service, ada) == ["Pay rent"]
