"""How people sign in to the example page, and stay it."""

from playwright.sync_api import expect

from e2e.better_auth import BetterAuth
from e2e.browser.chromium import OFFLINE, OpenDevice
from e2e.browser.todo_page import add, enter_token, is_saved, run, shows, titles, use_password, use_token
from e2e.browser.website import Website
from tests.people import token_for
from tests.service import Service

PASSWORD = "correct horse battery staple"


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
