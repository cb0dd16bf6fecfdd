"""Which tasks the list shows and in which order (contract §5)."""

from itertools import product

import pytest

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
