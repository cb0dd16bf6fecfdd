"""Pages of the list (contract §5): nothing is skipped, nothing shown twice, no cursor is forged."""

import random
from itertools import permutations, product

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.pages import next_page, pages, walked
from tests.people import Person, body, list_tag

SORTS = ("created", "updated", "title", "due_date", "priority")


@pytest.fixture
def many(ada: Person) -> None:
    """Thirty tasks with many ties, and without many a value."""
    chance = random.Random(7)  # the same tasks every time
    for _ in range(30):
        ada.adds(
            chance.choice(["a", "B", "b", "ä", "Z"]),
            priority=chance.choice(["low", "medium", "high", None, None]),
            due_date=chance.choice(["2026-01-01", "2026-01-02", "0001-01-01", "9999-12-31", None, None]),
            completed=chance.choice([True, False]),
        )


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    "sort", [*SORTS, *(",".join(two) for two in permutations(SORTS, 2)), ",".join(SORTS)]
)
def test_the_pages_of_every_order_make_up_the_list(ada: Person, sort: str) -> None:
    for directions in product(("asc", "desc"), repeat=sort.count(",") + 1):
        query = f"/api/tasks?sort={sort}&order={','.join(directions)}"
        whole = body(ada.get(query))
        assert len(whole) == 30
        for limit in (2 if "," in sort else 1, 7, 29):
            assert walked(ada, f"{query}&limit={limit}") == whole, (directions, limit)


@pytest.mark.usefixtures("many")
def test_pages_keep_their_filters(ada: Person) -> None:
    query = "/api/tasks?status=pending&priority=low,none&q=a&sort=due_date&due_before=9999-01-01"
    assert walked(ada, f"{query}&limit=1") == body(ada.get(query))


@pytest.mark.usefixtures("many")
def test_pages_keep_lists_that_are_repeated_instead_of_comma_separated(ada: Person) -> None:
    repeated = "?priority=low&priority=&priority=none&sort=title&sort=due_date&order=desc&order=asc"
    commas = "?priority=low,none&sort=title,due_date&order=desc,asc"
    mixed = "?priority=low&priority=none&sort=title,due_date&order=desc&order=asc"
    whole = body(ada.get(f"/api/tasks{commas}"))
    assert 1 < len(whole) < 30
    for query in (repeated, commas, mixed):
        assert walked(ada, f"/api/tasks{query}&limit=1") == whole
    following = next_page(ada.get(f"/api/tasks{repeated}&limit=1"))
    assert following
    assert following.startswith(f"/api/tasks{repeated}&limit=1&cursor=")


@pytest.mark.usefixtures("many")
def test_the_last_page_has_no_link_and_exactly_full_pages_have_none_behind(ada: Person) -> None:
    assert next_page(ada.get("/api/tasks")) is None
    assert next_page(ada.get("/api/tasks?limit=30")) is None
    assert [len(page) for page in pages(ada, "/api/tasks?limit=10")] == [10, 10, 10]


@pytest.mark.usefixtures("many")
def test_the_total_counts_all_pages_when_asked_for(ada: Person) -> None:
    assert ada.get("/api/tasks?limit=3&count=true").headers["X-Total-Count"] == "30"
    pending = ada.get("/api/tasks?limit=3&count=true&status=pending").headers["X-Total-Count"]
    assert int(pending) == len(body(ada.get("/api/tasks?status=pending")))
    for without in ("", "?count=false"):
        assert "X-Total-Count" not in ada.get(f"/api/tasks{without}").headers


def test_what_is_written_between_two_pages_moves_nothing_else(ada: Person) -> None:
    tasks = [ada.adds(str(number)) for number in range(6)]
    first = ada.get("/api/tasks?limit=2")
    assert [task["title"] for task in body(first)] == ["5", "4"]
    ada.delete(f"/api/tasks/{tasks[4]['id']}")  # the one the cursor stands behind
    ada.delete(f"/api/tasks/{tasks[2]['id']}")
    ada.adds("new")
    assert [task["title"] for task in walked(ada, next_page(first) or "")] == ["3", "1", "0"]


def test_a_thousand_tasks_are_a_page_unless_asked_otherwise(ada: Person) -> None:
    operations = [{"op": "create", "task": {"title": str(number)}} for number in range(91)]
    for _ in range(11):
        assert ada.post("/api/tasks/batch", json={"operations": operations}).status_code == 200
    assert [len(page) for page in pages(ada, "/api/tasks")] == [1000, 1]


@pytest.fixture
def cursor(ada: Person) -> str:
    for number in range(3):
        ada.adds(str(number))
    link = next_page(ada.get("/api/tasks?limit=1"))
    assert link
    return link.partition("cursor=")[2]


def refused(answer: TestResponse) -> bool:
    return answer.status_code == 400 and list(body(answer)["errors"]) == ["cursor"]


def test_an_altered_cursor_is_refused(ada: Person, cursor: str) -> None:
    assert ada.get(f"/api/tasks?cursor={cursor}").status_code == 200
    for at in range(len(cursor)):
        other = "A" if cursor[at] != "A" else "B"
        altered = cursor[:at] + other + cursor[at + 1 :]
        # The last character of a base64 text may carry bits that mean nothing.
        assert refused(ada.get(f"/api/tasks?cursor={altered}")) or at == len(cursor) - 1
    for rubbish in ("x", ".", "..", cursor[:-5], f"{cursor}.x", f".{cursor}", "%F0%9F%92%A3", "x" * 4000):
        assert refused(ada.get(f"/api/tasks?cursor={rubbish}")), rubbish


@pytest.mark.parametrize(
    "other",
    [
        "sort=title",
        "order=asc",
        "sort=created&order=asc",
        "status=pending",
        "priority=low",
        "due_after=2026-01-01",
        "due_before=2026-01-01",
        "q=x",
    ],
)
def test_a_cursor_of_another_search_is_refused(ada: Person, cursor: str, other: str) -> None:
    assert refused(ada.get(f"/api/tasks?{other}&cursor={cursor}"))


def test_a_cursor_of_another_user_is_refused(bob: Person, cursor: str) -> None:
    bob.adds()
    assert refused(bob.get(f"/api/tasks?cursor={cursor}"))


def test_the_size_of_pages_may_change_underway(ada: Person, cursor: str) -> None:
    assert len(body(ada.get(f"/api/tasks?limit=5&cursor={cursor}"))) == 2


def test_the_list_is_known_by_its_etag_until_something_is_written(ada: Person, bob: Person) -> None:
    assert ada.get().headers["ETag"] == list_tag("ada", 0)
    task = ada.adds()
    listed = ada.get("/api/tasks?sort=title")
    assert listed.headers["ETag"] == list_tag("ada", 1)
    bob.adds()
    tag = list_tag("ada", 1)
    for known in (tag, f"W/{tag}", f'{tag[:-1]}-gzip"', f"{list_tag('ada', 0)}, {tag}", "*"):
        answer = ada.get("/api/tasks?sort=title", headers={"If-None-Match": known})
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", list_tag("ada", 1))
    ada.delete(f"/api/tasks/{task['id']}")
    changed = ada.get(headers={"If-None-Match": tag})
    assert (changed.status_code, changed.headers["ETag"], body(changed)) == (200, list_tag("ada", 2), [])


def test_no_two_users_lists_have_the_same_etag(ada: Person, bob: Person) -> None:
    """A browser asks for its cached list with the tag of whoever was signed in before."""
    ada.adds("Ada's own")
    bob.adds()
    adas = ada.get().headers["ETag"]
    answer = bob.get(headers={"If-None-Match": adas})
    assert (answer.status_code, answer.headers["ETag"] == adas) == (200, False)


def test_a_bad_parameter_is_refused_also_where_the_list_is_known(ada: Person) -> None:
    assert ada.get("/api/tasks?sort=x", headers={"If-None-Match": "*"}).status_code == 400


def test_a_cursor_counts_on_every_host_of_the_service(
    ada: Person, cursor: str, environment: dict[str, str]
) -> None:
    from todo_service import create_app
    from todo_service.config import Settings

    other = Person(create_app(Settings.from_environ(environment)).test_client(), "ada")
    assert other.get(f"/api/tasks?cursor={cursor}").status_code == 200


def test_two_users_pages_never_mix(client: FlaskClient) -> None:
    people = [Person(client, name) for name in ("ada", "bob")]
    for number in range(5):
        for person in people:
            person.adds(str(number))
    for person in people:
        assert [task["title"] for task in walked(person, "/api/tasks?limit=2")] == list("43210")
