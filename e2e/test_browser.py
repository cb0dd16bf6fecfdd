"""The example page and the documentation in a real browser, on another origin than the running service."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Response, expect

from e2e.better_auth import BetterAuth
from e2e.chromium import Device, chromium
from e2e.todo_page import (
    add,
    change_title,
    connection,
    enter_token,
    fill_due,
    is_saved,
    item,
    lose_first_answer,
    run,
    shows,
    tab_to,
    use_password,
    use_token,
)
from e2e.website import Website
from tests.people import SECRET, token_for
from tests.service import Service

PASSWORD = "correct horse battery staple"
OpenDevice = Callable[..., Device]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def website() -> Iterator[Website]:
    with Website() as website:
        yield website


@pytest.fixture(scope="module")
def auth(website: Website) -> Iterator[BetterAuth]:
    """Better Auth, whose tokens count for 2 s only: so every test that takes longer refreshes them."""
    with BetterAuth([website.url], jwt={"expirationTime": "2s"}) as auth:
        yield auth


def settings(website: Website, directory: Path) -> dict[str, str]:
    return {
        "BETTER_AUTH_SECRET": SECRET,
        "DATABASE_URL": f"sqlite:///{directory}/todo.db",
        "CORS_ORIGINS": website.url,
        "RATE_LIMIT": "",
        "LOG_LEVEL": "WARNING",
    }


@pytest.fixture(scope="module")
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


def titles(service: Service, user: str) -> list[str]:
    """The user's tasks as the service has them, the oldest first."""
    return [task["title"] for task in service.call(user, "GET", "/api/tasks?order=asc").json()]


def wait_for_titles(service: Service, user: str, *expected: str) -> None:
    service.wait_until(lambda: titles(service, user) == list(expected))


def test_people_sign_up_out_and_in_with_better_auth(
    service: Service, website: Website, device: OpenDevice
) -> None:
    page = device("401").open(website.url)
    page.get_by_role("radio", name="Create account").check()
    page.get_by_label("Name").fill("Ada Lovelace")
    use_password(page, "ada@example.com", PASSWORD)
    expect(page.locator("#user-name")).to_have_text("Ada Lovelace")
    add(page, "Pay rent")
    is_saved(page)
    page.get_by_role("button", name="Sign out").click()

    use_password(page, "ada@example.com", "something else")
    expect(page.get_by_role("alert").filter(has_text="Invalid email or password")).to_be_visible()
    use_password(page, "ada@example.com", PASSWORD)
    expect(page.locator("#user-name")).to_have_text("Ada Lovelace")
    shows(page, "Pay rent")


def test_a_token_that_expired_is_refreshed_once_for_all_requests(
    service: Service, website: Website, auth: BetterAuth, device: OpenDevice
) -> None:
    of_ada = device("401")
    page = of_ada.open(website.url)
    person = {"name": "Ada", "email": "refresh@example.com", "password": PASSWORD}
    answers = run(
        page,
        """
        await enter("sign-up", given);
        const send = connect(serviceUrl, getToken);
        const read = () => send("GET", "/api/tasks");
        await read();
        await new Promise((resume) => setTimeout(resume, 3500)); // the token counts for 2 s
        return await Promise.all([read(), read(), read(), read(), read()]);
        """,
        person,
    )
    assert answers == [[]] * 5
    assert of_ada.requests.count(f"{auth.url}/api/auth/token") == 2


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


OFFLINE = ("ERR_INTERNET_DISCONNECTED",)


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


def test_a_task_whose_answer_is_lost_is_there_once(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    page = use_token(device("ERR_CONNECTION_RESET", "412"), website.url, ada)
    requests = lose_first_answer(page, re.compile(f"^{service.url}/api/tasks/[-0-9a-f]{{36}}$"))
    add(page, "Pay rent")
    is_saved(page)
    assert [request.method for request in requests] == ["PUT", "PUT"]
    assert len({request.headers["idempotency-key"] for request in requests}) == 1
    assert titles(service, ada) == ["Pay rent"]


def test_a_task_whose_answer_is_lost_and_that_was_deleted_since_does_not_come_back(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    page = use_token(device("410"), website.url, ada)
    created = """
        todo.create({ title: "Pay rent" });
        await todo.sync().catch(() => {});
    """
    run(page, f"{A_DAY_LATER} {created} globalThis.todo = todo;")
    (task,) = service.call(ada, "GET").json()
    service.call(ada, "DELETE", f"/api/tasks/{task['id']}")
    assert run(page, "await todo.sync(); return todo.list();") == []
    assert titles(service, ada) == []


def test_a_change_whose_answer_is_lost_is_no_conflict(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    service.call(ada, "POST", json={"title": "Pay rent", "due_date": "2030-01-02"})
    page = use_token(device("ERR_CONNECTION_RESET", "412"), website.url, ada)
    requests = lose_first_answer(page, re.compile(f"^{service.url}/api/tasks/[-0-9a-f]{{36}}$"))
    item(page, "Pay rent").get_by_role("button", name="Edit").click()
    page.get_by_label("Title").fill(" Pay the rent ")
    fill_due(page, "2030-01-03", "12:30")
    page.get_by_role("button", name="Save").click()
    shows(page, "Pay the rent")
    is_saved(page)
    assert {request.method for request in requests} == {"PATCH"}
    assert len({request.headers["idempotency-key"] for request in requests}) == 1
    assert titles(service, ada) == ["Pay the rent"]


# The first answer to what this sends is lost; it goes on a day later, when that write's key is forgotten.
A_DAY_LATER = """
    const send = connect(serviceUrl, getToken);
    let hasLost = false;
    async function forgetful(method, path, body, { "Idempotency-Key": forgotten, ...headers } = {}) {
        const answer = await send(method, path, body, headers);
        if (hasLost || method === "GET") return answer;
        hasLost = true;
        throw new TypeError("lost");
    }
    const store = new Map();
    const storage = { getItem: (name) => store.get(name) ?? null, setItem: (...item) => store.set(...item) };
    const todo = openTasks(forgetful, "of the test", storage);
"""
# What is sent in one form, and answered in another.
FORMS = [
    {"title": "\x1f bread\u3000"},
    {"title": "bread", "description": " as it is \n"},
    {"due_date": "2026-12-01"},
    {"due_date": "2026-12-01T09:00"},
    {"due_date": "2026-12-01T09:00:00.000Z"},
    {"due_date": "2026-12-01t09:00:59.1234567+14:00"},
    {"due_date": "2026-12-01 09:00:00.5-00:30"},
    {"priority": "low", "completed": True},
]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_change_is_not_taken_for_somebody_elses_in_whatever_form_it_is_sent(
    service: Service, website: Website, device: OpenDevice, ada: str, form: dict[str, object]
) -> None:
    task = service.call(ada, "POST", json={"title": "milk", "due_date": "2030-01-02T00:00Z"}).json()
    page = use_token(device("412"), website.url, ada)
    sent_twice = """
        await todo.sync();
        todo.update(todo.list()[0], given);
        await todo.sync().catch(() => {});
        todo.update(todo.list()[0], { title: "the next", due_date: "2031-01-01T00:00:00Z" });
        await todo.sync();
        todo.update(todo.list()[0], given);
        todo.remove(todo.list()[0]);
        const shown = todo.list();
        await todo.sync();
        return [shown, todo.list()];
    """
    assert run(page, f"{A_DAY_LATER} {sent_twice}", form) == [[], []]
    assert service.call(ada, "GET", f"/api/tasks/{task['id']}").status_code == 404


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


def test_a_post_is_sent_again_with_the_same_key(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    page = use_token(device("ERR_CONNECTION_RESET"), website.url, ada)
    requests = lose_first_answer(page, f"{service.url}/api/tasks")
    send = 'return await connect(serviceUrl, getToken)("POST", "/api/tasks", given);'
    assert run(page, send, {"title": "Pay rent"})["title"] == "Pay rent"
    assert titles(service, ada) == ["Pay rent"]
    first, second = (request.headers["idempotency-key"] for request in requests)
    assert first == second


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


def test_who_has_to_sign_in_again_finds_everything_as_it_was(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    of_ada = device("401", *OFFLINE)
    page = use_token(of_ada, website.url, ada)
    page.evaluate("navigator.serviceWorker.ready")
    of_ada.context.set_offline(True)
    add(page, "Pay rent")
    page.evaluate("token => sessionStorage.setItem('token', token)", token_for(ada, exp=1))
    page.reload()
    shows(page, "Pay rent")
    of_ada.context.set_offline(False)
    expect(page.get_by_text("Please sign in again.")).to_be_visible()
    enter_token(page, ada)
    shows(page, "Pay rent")
    assert titles(service, ada) == ["Pay rent"]


def test_what_has_not_changed_is_not_sent_again_and_nobody_elses(
    service: Service, website: Website, device: OpenDevice, ada: str
) -> None:
    bob = f"bob, not {ada}"
    for user in (ada, bob):
        service.call(user, "POST", json={"title": f"of {user}"})  # their lists have the same ETag
    page = device().open(website.url)
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status) if "/api/" in answer.url else None)
    read_twice = """
        const send = connect(serviceUrl, async () => given);
        await send("GET", "/api/tasks");
        return await send("GET", "/api/tasks");
    """
    for user in (ada, bob):
        assert [task["title"] for task in run(page, read_twice, token_for(user))] == [f"of {user}"]
    assert statuses == [200, 304] * 2


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
    service.call(ada, "POST", json={"title": "Donaudampfschifffahrt" * 9, "description": "x" * 1000})
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
