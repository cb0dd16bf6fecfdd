"""Order by hand: new tasks come on top, and every task stays where it was moved to."""

from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update
from werkzeug.test import TestResponse

from tests.conftest import forget_everything
from tests.load import at_once
from tests.people import Person, body
from tests.service import Service, run
from todo_service.extensions import db
from todo_service.models import Task

NOBODYS = "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"
LONGEST = 64  # characters of a position


def order(person: Person) -> list[str]:
    """The ids in the order by hand; by the positions, too, as a client compares them."""
    tasks = body(person.get("/api/tasks?sort=position"))
    positions = [task["position"] for task in tasks]
    assert positions == sorted(set(positions))
    assert max(map(len, positions), default=0) <= LONGEST
    return [task["id"] for task in tasks]


def move(person: Person, task: str, **where: Any) -> TestResponse:
    return person.post(f"/api/tasks/{task}/move", json=where)


def moved(ids: list[str], id: str, where: dict[str, str]) -> list[str]:
    """What a list becomes by a move."""
    ((name, neighbour),) = where.items()
    if neighbour == id:
        return ids
    others = [one for one in ids if one != id]
    places = {"top": 0, "bottom": len(others)}
    place = places[neighbour] if name == "to" else others.index(neighbour) + (name == "after")
    return [*others[:place], id, *others[place:]]


@pytest.fixture
def five(ada: Person) -> list[str]:
    """The ids of five tasks, from the top."""
    return [ada.adds(f"{number}")["id"] for number in range(5)][::-1]


def test_new_tasks_are_at_the_top_those_of_a_batch_too(ada: Person, five: list[str]) -> None:
    assert order(ada) == five
    operations = [{"op": "create", "task": {"title": f"{number}"}} for number in range(3)]
    results = body(ada.post("/api/tasks/batch", json={"operations": operations}))["results"]
    newest = [result["task"]["id"] for result in results][::-1]
    assert order(ada) == newest + five


@pytest.mark.parametrize(
    ("id", "where", "expected"),
    [
        (3, {"to": "top"}, [3, 0, 1, 2, 4]),
        (1, {"to": "bottom"}, [0, 2, 3, 4, 1]),
        (4, {"before": 1}, [0, 4, 1, 2, 3]),
        (4, {"before": 0}, [4, 0, 1, 2, 3]),
        (0, {"after": 2}, [1, 2, 0, 3, 4]),
        (0, {"after": 4}, [1, 2, 3, 4, 0]),
    ],
)
def test_a_task_goes_where_it_is_moved_to_and_no_other_changes(
    ada: Person, five: list[str], id: int, where: dict[str, Any], expected: list[int]
) -> None:
    before = {task["id"]: task for task in body(ada.get())}
    names = {name: five[to] if isinstance(to, int) else to for name, to in where.items()}
    answer = move(ada, five[id], **names)
    assert answer.status_code == 200
    task = body(answer)
    assert order(ada) == [five[place] for place in expected]
    assert answer.headers["ETag"] == f'"{task["revision"]}"' == '"6"'
    changed = ("position", "revision", "updated_at")
    assert {name for name in task if task[name] != before[five[id]][name]} == set(changed)
    others = [one for one in body(ada.get()) if one["id"] != five[id]]
    assert all(before[one["id"]] == one for one in others)


@pytest.mark.parametrize(
    ("id", "where"),
    [
        (0, {"to": "top"}),
        (4, {"to": "bottom"}),
        (1, {"before": 2}),
        (2, {"after": 1}),
        (2, {"before": 2}),
        (2, {"after": 2}),
    ],
)
def test_a_move_that_changes_no_order_changes_nothing(
    ada: Person, five: list[str], id: int, where: dict[str, Any]
) -> None:
    before = ada.get()
    names = {name: five[to] if isinstance(to, int) else to for name, to in where.items()}
    answer = move(ada, five[id], **names)
    assert body(answer) == next(task for task in body(before) if task["id"] == five[id])
    assert ada.get().headers["ETag"] == before.headers["ETag"]


def test_an_only_task_can_be_moved_to_either_end(ada: Person) -> None:
    task = ada.adds()
    for end in ("top", "bottom"):
        assert body(move(ada, task["id"], to=end)) == task


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ({}, "body"),
        ({"to": "top", "after": NOBODYS}, "body"),
        ({"before": NOBODYS, "after": NOBODYS}, "body"),
        ({"to": "middle"}, "to"),
        ({"to": None}, "to"),
        ({"to": ["top"]}, "to"),
        ({"before": NOBODYS}, "before"),
        ({"after": NOBODYS}, "after"),
        ({"before": "no id"}, "before"),
        ({"after": "\u0000"}, "after"),
        ({"before": 5}, "before"),
        ({"after": None}, "after"),
        ({"above": NOBODYS}, "above"),
    ],
)
def test_a_move_to_nowhere_is_refused_by_name(ada: Person, sent: dict[str, Any], named: str) -> None:
    task = ada.adds()
    answer = ada.post(f"/api/tasks/{task['id']}/move", json=sent)
    assert answer.status_code == 400
    assert named in body(answer)["errors"]
    assert body(ada.get()) == [task]


def test_a_neighbour_has_to_be_ones_own_task(ada: Person, bob: Person) -> None:
    mine, gone, bobs = ada.adds()["id"], ada.adds()["id"], bob.adds()["id"]
    ada.delete(f"/api/tasks/{gone}")
    for name in ("before", "after"):
        for neighbour in (gone, bobs):
            answer = move(ada, mine, **{name: neighbour})
            assert (answer.status_code, list(body(answer)["errors"])) == (400, [name])
    assert move(ada, mine, before=mine.upper()).status_code == 200


def test_a_move_heeds_if_match(ada: Person, five: list[str]) -> None:
    stale = {"If-Match": '"99"'}
    answer = ada.post(f"/api/tasks/{five[3]}/move", json={"to": "top"}, headers=stale)
    assert (answer.status_code, body(answer)["current"]["id"]) == (412, five[3])
    assert order(ada) == five


def test_a_move_that_is_sent_again_is_done_once(ada: Person, five: list[str]) -> None:
    key = {"Idempotency-Key": "k"}
    first = ada.post(f"/api/tasks/{five[3]}/move", json={"to": "top"}, headers=key)
    move(ada, five[3], to="bottom")
    again = ada.post(f"/api/tasks/{five[3]}/move", json={"to": "top"}, headers=key)
    assert (again.data, again.headers["ETag"]) == (first.data, first.headers["ETag"])
    assert order(ada)[-1] == five[3]


def test_a_move_ignores_what_a_client_sends_back(ada: Person, five: list[str]) -> None:
    owned = {"id": NOBODYS, "user_id": "bob", "position": "0", "revision": 1, "completed_at": None}
    assert move(ada, five[3], to="top", **owned).status_code == 200
    assert order(ada)[0] == five[3]


def test_a_position_that_is_sent_back_is_ignored(ada: Person, five: list[str]) -> None:
    top, bottom = (body(ada.get(f"/api/tasks/{end}")) for end in (five[0], five[4]))
    answer = ada.put(f"/api/tasks/{five[0]}", json=top | {"position": bottom["position"]})
    assert body(answer) == top


def test_a_batch_moves_in_its_order_or_not_at_all(ada: Person, five: list[str]) -> None:
    def operation(id: str, **where: Any) -> dict[str, Any]:
        return {"op": "move", "id": id, **where}

    moves = [operation(five[4], to="top"), operation(five[3], after=five[4]), operation(five[0], to="bottom")]
    answer = ada.post("/api/tasks/batch", json={"operations": moves})
    expected = [five[place] for place in (4, 3, 1, 2, 0)]
    assert order(ada) == expected
    revisions = [result["task"]["revision"] for result in body(answer)["results"]]
    assert revisions == [6, 7, 8]
    for wrong, status in (
        (operation(five[1], before=NOBODYS), 400),
        (operation(five[1]), 400),
        (operation(five[1], to="top", if_match=1), 412),
        (operation(NOBODYS, to="top"), 404),
    ):
        answer = ada.post("/api/tasks/batch", json={"operations": [operation(five[2], to="top"), wrong]})
        assert (answer.status_code, list(body(answer)["errors"])) == (status, ["1"])
    assert order(ada) == expected


def test_the_order_by_hand_is_paged(ada: Person, five: list[str]) -> None:
    move(ada, five[0], after=five[3])
    expected = order(ada)
    for query, ids in (("", expected), ("&order=desc", expected[::-1])):
        path: str | None = f"/api/tasks?sort=position&limit=2{query}"
        listed = []
        while path:
            answer = ada.get(path)
            listed += [task["id"] for task in body(answer)]
            path = answer.headers.get("Link", "").partition("<")[2].partition(">")[0]
        assert listed == ids


# ---- many moves


TO = st.sampled_from(["before", "after", "before", "after", "to"])
MOVES = st.lists(st.tuples(st.integers(0, 5), TO, st.integers(0, 5)), max_size=30)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES)
def test_a_list_moved_about_is_what_a_python_list_is(ada: Person, app: Flask, moves: Any) -> None:
    forget_everything(app)
    ids: list[str] = []
    for one, name, other in moves:
        while len(ids) <= max(one, other):
            ids.insert(0, ada.adds()["id"])
        where = {name: ("top", "bottom")[other % 2] if name == "to" else ids[other]}
        assert move(ada, ids[one], **where).status_code == 200
        ids = moved(ids, ids[one], where)
        assert order(ada) == ids


def into_the_gap_below_the_first(ids: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    while True:
        yield ids[-1], {"after": ids[0]}


def into_the_gap_above_the_last(ids: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    while True:
        yield ids[0], {"before": ids[-1]}


def back_and_forth(ids: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    while True:
        yield ids[1], {"before": ids[3]}
        yield ids[2], {"after": ids[0]}


Moves = Callable[[list[str]], Iterator[tuple[str, dict[str, str]]]]


@pytest.mark.parametrize("moves", [into_the_gap_below_the_first, into_the_gap_above_the_last, back_and_forth])
@pytest.mark.parametrize("number", [4, 60])
def test_no_number_of_moves_into_one_gap_runs_out_of_room(ada: Person, number: int, moves: Moves) -> None:
    operations = [{"op": "create", "task": {"title": f"{one}"}} for one in range(number)]
    ada.post("/api/tasks/batch", json={"operations": operations})
    ids = order(ada)
    for _ in range(5):
        batch = []
        for _ in range(100):
            task, where = next(moves(ids))
            batch.append({"op": "move", "id": task, **where})
            ids[:] = moved(ids, task, where)
        answer = ada.post("/api/tasks/batch", json={"operations": batch})
        assert answer.status_code == 200
        assert order(ada) == ids
    newest = max(task["revision"] for task in body(ada.get()))
    assert newest <= number + 2 * 500  # to make room changes no more tasks than the moves themselves


def test_tasks_that_make_room_get_revisions_that_every_device_hears_of(ada: Person, five: list[str]) -> None:
    mirror = {task["id"]: task for task in body(ada.get())}
    token = body(ada.get("/api/tasks/changes"))["token"]
    most = 0
    for _ in range(300):
        ids = [task["id"] for task in sorted(mirror.values(), key=itemgetter("position"))]
        answer = body(move(ada, ids[-1], after=ids[0]))
        news = body(ada.get(f"/api/tasks/changes?since={token}"))
        token, changed = news["token"], [change["task"] for change in news["changes"]]
        mirror |= {task["id"]: task for task in changed}
        assert mirror[ids[-1]] == answer
        most = max(most, len(changed))
    assert mirror == {task["id"]: task for task in body(ada.get())}
    assert most == len(five)  # some move made room


def test_two_devices_that_move_at_once_keep_a_strict_order(service: Service, ada: Person) -> None:
    operations = [{"op": "create", "task": {"title": f"{number}"}} for number in range(8)]
    ada.post("/api/tasks/batch", json={"operations": operations})
    ids = order(ada)

    def device(which: int) -> list[int]:
        return [
            service.call("ada", "POST", f"/api/tasks/{ids[(which + turn) % 8]}/move", json=where).status_code
            for turn in range(40)
            for where in ({"after": ids[which]}, {"before": ids[7]}, {"to": ("top", "bottom")[turn % 2]})
        ]

    assert {status for statuses in at_once(4, device) for status in statuses} == {200}
    assert sorted(order(ada)) == sorted(ids)


# ---- tasks of versions that knew no order by hand


def test_the_migration_keeps_newest_first(ada: Person, environment: dict[str, str], app: Flask) -> None:
    operations = [{"op": "create", "task": {"title": f"{number}"}} for number in range(10)]
    for _ in range(3):
        ada.post("/api/tasks/batch", json={"operations": operations})
    before = ada.get()
    for command in (("downgrade", "0004"), ("upgrade",)):
        done = run("flask", "db", *command, **environment)
        assert done.returncode == 0, done.stderr
    assert ada.get().headers["ETag"] == before.headers["ETag"]
    newest_first = [task["id"] for task in body(before)]
    assert order(ada) == newest_first
    newest = ada.adds()["id"]
    move(ada, newest_first[9], to="bottom")
    move(ada, newest_first[8], before=newest_first[1])
    expected = [
        newest,
        *moved(
            moved(newest_first, newest_first[9], {"to": "bottom"}),
            newest_first[8],
            {"before": newest_first[1]},
        ),
    ]
    assert order(ada) == expected


def forget_positions(app: Flask, *ids: str) -> None:
    """Leave tasks as a version without positions makes them."""
    with app.app_context(), db.engine.connect() as connection:
        connection.execute(update(Task).where(Task.id.in_(ids)).values(position=""))


def test_tasks_without_a_position_come_first_and_get_one_by_a_move(
    ada: Person, app: Flask, five: list[str]
) -> None:
    forget_positions(app, five[1], five[2], five[3])
    ids = [task["id"] for task in body(ada.get("/api/tasks?sort=position"))]
    assert ids == [five[place] for place in (1, 2, 3, 0, 4)]
    assert move(ada, five[4], before=five[3]).status_code == 200
    assert order(ada) == [five[place] for place in (1, 2, 4, 3, 0)]


def test_a_command_gives_positions_to_what_a_version_before_wrote_meanwhile(
    ada: Person, app: Flask, five: list[str]
) -> None:
    forget_positions(app, five[0], five[1])
    refolded = app.test_cli_runner().invoke(args=["refold"])
    assert refolded.output == "Refolded 0 tasks, and gave 2 a position.\n"
    assert order(ada) == [five[place] for place in (2, 3, 4, 0, 1)]


def test_who_writes_while_positions_are_given_waits_for_no_long(
    ada: Person, app: Flask, five: list[str]
) -> None:
    with app.app_context(), db.engine.connect() as connection:
        connection.execute(text("UPDATE tasks SET position = ''"))
    answers: list[int] = []

    def write(which: int) -> None:
        if which:
            answers.extend(ada.patch(f"/api/tasks/{task}/complete").status_code for task in five)
        else:
            app.test_cli_runner().invoke(args=["refold"])

    at_once(2, write)
    assert answers == [200] * 5
    assert sorted(order(ada)) == sorted(five)
