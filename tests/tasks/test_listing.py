"""Which tasks the list shows and in which order (contract §5)."""

from itertools import product

import pytest
from flask.testing import FlaskClient

from tests.people import Person, body


@pytest.fixture
def titles(ada: Person) -> None:
    """Five tasks, made in this order, that differ in all that can be sorted by."""
    ada.adds("banana", priority="low", due_date="2026-03-01")
    ada.adds("Apple", priority="high", due_date="2026-01-01")
    ada.adds("cherry")
    ada.adds("Éclair", priority="medium", due_date="2026-02-01", completed=True)
    ada.adds("apple", priority="high", completed=True)


@pytest.mark.usefixtures("titles")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "apple Éclair cherry Apple banana"),
        ("?sort=created", "apple Éclair cherry Apple banana"),
        ("?sort=created&order=desc", "apple Éclair cherry Apple banana"),
        ("?sort=created&order=asc", "banana Apple cherry Éclair apple"),
        ("?order=asc", "banana Apple cherry Éclair apple"),
        ("?sort=title", "apple Apple banana cherry Éclair"),
        ("?sort=title&order=desc", "Éclair cherry banana apple Apple"),
        ("?sort=due_date", "Apple Éclair banana apple cherry"),
        ("?sort=due_date&order=desc", "banana Éclair Apple apple cherry"),
        ("?sort=priority", "apple Apple Éclair banana cherry"),
        ("?sort=priority&order=asc", "banana Éclair apple Apple cherry"),
        ("?sort=priority,title&order=asc,desc", "banana Éclair apple Apple cherry"),
        ("?sort=priority,due_date&order=desc,desc", "Apple apple Éclair banana cherry"),
        ("?sort=priority,created&order=desc,asc", "Apple apple Éclair banana cherry"),
        ("?sort=created,title", "apple Éclair cherry Apple banana"),
        ("?status=all", "apple Éclair cherry Apple banana"),
        ("?status=pending", "cherry Apple banana"),
        ("?status=completed", "apple Éclair"),
        ("?status=completed&sort=title", "apple Éclair"),
        ("?status=pending&sort=due_date&order=desc", "banana Apple cherry"),
    ],
)
def test_the_list_is_filtered_and_sorted(ada: Person, query: str, expected: str) -> None:
    assert ada.titles(query) == expected.split()


@pytest.mark.usefixtures("titles")
def test_updated_sorts_by_the_last_change(ada: Person) -> None:
    oldest = body(ada.get("/api/tasks?order=asc"))[0]
    ada.put(f"/api/tasks/{oldest['id']}", json={"title": "changed"})
    assert ada.titles("?sort=updated")[0] == "changed"
    assert ada.titles("?sort=updated&order=asc")[-1] == "changed"


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("status=done", "status"),
        ("status=Pending", "status"),
        ("status=pending,completed", "status"),
        ("sort=name", "sort"),
        ("sort=created,", "sort"),
        ("sort=title,,created", "sort"),
        ("sort=title,title", "sort"),
        ("sort=-created", "sort"),
        ("sort=title;drop", "sort"),
        ("order=up", "order"),
        ("order=ASC", "order"),
        ("order=asc,desc", "order"),
        ("sort=title&order=asc,desc", "order"),
        ("status=pending&status=completed", "status"),
        ("sort=title&sort=title", "sort"),
        ("priority=urgent", "priority"),
        ("priority=low,low", "priority"),
        ("due_after=tomorrow", "due_after"),
        ("due_before=2026-13-01", "due_before"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=1.0", "limit"),
        ("limit=%2B1", "limit"),
        ("limit=1_0", "limit"),
        ("limit=%D9%A1", "limit"),
        ("limit=" + "9" * 400, "limit"),
        ("count=1", "count"),
        ("count=True", "count"),
        ("q=" + "x" * 201, "q"),
        ("q=a%00b", "q"),
        ("cursor=x", "cursor"),
        ("cursor=%00", "cursor"),
        ("since=x", "since"),
        ("user_id=bob", "user_id"),
        ("userId=bob", "userId"),
        ("foo=1", "foo"),
    ],
)
def test_a_parameter_out_of_range_is_named(ada: Person, query: str, parameter: str) -> None:
    answer = ada.get(f"/api/tasks?{query}")
    assert answer.status_code == 400
    assert list(body(answer)["errors"]) == [parameter]
    assert body(answer)["detail"].startswith(f"{parameter}: ")


def test_the_order_is_total_so_that_it_never_wavers(ada: Person) -> None:
    for _ in range(12):
        ada.adds("same", priority="low", due_date="2026-01-01")
    newest_first = [task["revision"] for task in body(ada.get())]
    assert newest_first == list(range(12, 0, -1))
    for key, order in product(("title", "due_date", "priority"), ("asc", "desc")):
        listed = body(ada.get(f"/api/tasks?sort={key}&order={order}"))
        assert [task["revision"] for task in listed] == newest_first


@pytest.mark.usefixtures("titles")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("priority=high", "apple Apple"),
        ("priority=none", "cherry"),
        ("priority=low,none", "cherry banana"),
        ("priority=low,medium,high,none", "apple Éclair cherry Apple banana"),
        ("due_after=2026-02-01", "Éclair banana"),
        ("due_after=2026-02-01T00:00:01", "banana"),
        ("due_before=2026-02-01", "Apple"),
        ("due_before=2026-02-01T01:00:00%2B00:30", "Éclair Apple"),
        ("due_after=2026-01-01&due_before=2026-03-01", "Éclair Apple"),
        ("due_after=2026-03-01&due_before=2026-01-01", ""),
        ("q=apple", "apple Apple"),
        ("q=APP", "apple Apple"),
        ("q=écl", "Éclair"),
        ("q=e%20r", "Éclair cherry"),
        ("q=%20%20", "apple Éclair cherry Apple banana"),
        ("q=%25", ""),
        ("q=_", ""),
        ("q=%5C", ""),
        ("q=a&status=pending&priority=high&sort=title", "Apple"),
    ],
)
def test_filters_narrow_the_list_together(ada: Person, query: str, expected: str) -> None:
    assert ada.titles(f"?{query}") == expected.split()


@pytest.mark.parametrize(
    ("title", "description", "q"),
    [
        ("Straße", None, "STRASSE"),
        ("STRASSE", None, "straße"),
        ("x", "Der Ärger", "ärger"),
        ("x", "ΟΔΥΣΣΕΥΣ", "οδυσσευσ"),
        ("Odysseus", "ὈΔΥΣΣΕΎΣ", "ὀδυσσεύς"),
        ("ﬁne", None, "FI"),
        ("100%", None, "0%25"),
        ("a_b", None, "a_B"),
        ("back\\slash", None, "K%5CS"),
        ("'quoted'", None, "'Q"),
        ("milk", "and honey", "honey%20milk"),
        ("𐐀", None, "𐐨"),
    ],
)
def test_words_are_found_in_any_case_of_any_script(
    ada: Person, title: str, description: str | None, q: str
) -> None:
    ada.adds("something else")
    ada.adds(title, description=description)
    assert ada.titles(f"?q={q}") == [title]


def test_a_word_is_not_found_across_title_and_description(ada: Person) -> None:
    ada.adds("ab", description="cd")
    assert ada.titles("?q=bc") == []
    assert ada.titles("?q=ab%20cd") == ["ab"]


def test_words_follow_the_changes_of_a_task(ada: Person) -> None:
    path = f"/api/tasks/{ada.adds('old', description='kept')['id']}"
    ada.put(path, json={"title": "NEW"})
    assert (ada.titles("?q=old"), ada.titles("?q=new%20KEPT")) == ([], ["NEW"])
    ada.put(path, json={"description": None})
    assert (ada.titles("?q=kept"), ada.titles("?q=new")) == ([], ["NEW"])


def test_a_title_of_the_longest_kind_can_be_listed(client: FlaskClient) -> None:
    """Case-folded it takes three times the room, in an index whose entries are limited."""
    person = Person(client, "\U00010400" * 255)
    for title in ("ΐ" * 200, "𐐀" * 200):
        person.adds(title, description=title)
    assert person.titles("?sort=title") == ["ΐ" * 200, "𐐀" * 200]
