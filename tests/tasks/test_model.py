"""Whatever two people do in whatever order, the service stays what a few dictionaries are.

Hypothesis makes up the requests. Each is sent over HTTP and done to the model as well; after each
one everything that can be read of the service has to agree with the model.
"""

import json
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from werkzeug.test import TestResponse

from tests.conftest import forget_everything
from tests.mirror import Mirror
from tests.people import Person, list_tag
from tests.tasks.agreement import agree, all_pages, assert_tagged, ids_made_by, moment_of
from tests.tasks.model import (
    CLIENTS_IDS,
    NOBODYS,
    Account,
    Fields,
    Operation,
    Search,
    Seat,
    Task,
    neighbours,
    own,
    revision_of,
)
from tests.tasks.strategies import conditions, keys, new_fields, some_fields, users


@dataclass(frozen=True)
class Sent:
    """A request that may be sent again, to the byte."""

    user: str
    path: str
    key: str | None
    payload: str

    @property
    def place(self) -> tuple[str, str, str | None]:
        return self.user, self.path, self.key


class TwoPeople(RuleBasedStateMachine):
    """Ada and Bob at the same service, and the model of what each should have."""

    ids = Bundle("ids")
    # A task by its place among one's own, or by an id that anybody's may have, have had, or never had.
    tasks = st.integers(0, 9) | st.integers(0, 9) | ids
    places = (
        st.fixed_dictionaries({"before": tasks})
        | st.fixed_dictionaries({"after": tasks})
        | st.fixed_dictionaries({"to": st.sampled_from(["top", "bottom"])})
    )
    operations = st.lists(
        st.one_of(
            st.fixed_dictionaries({"op": st.just("create"), "task": new_fields}, optional={"id": ids}),
            st.fixed_dictionaries(
                {"op": st.just("update"), "id": tasks, "task": some_fields},
                optional={"if_match": st.sampled_from([0, 0, 1])},
            ),
            st.fixed_dictionaries(
                {"op": st.just("complete"), "id": tasks, "completed": st.booleans()},
                optional={"if_match": st.sampled_from([0, 0, 1])},
            ),
            st.builds(lambda task, where: {"op": "move", "id": task, **where}, tasks, places),
            st.fixed_dictionaries(
                {"op": st.just("delete"), "id": tasks},
                optional={"if_match": st.sampled_from([0, 0, -1])},
            ),
        ),
        min_size=1,
        max_size=5,
    )

    def __init__(self, app: Flask) -> None:
        super().__init__()
        forget_everything(app)
        ada, bob = Account("ada"), Account("bob")
        ada.others, bob.others = [bob], [ada]
        self.seats = {
            account.user: Seat(Person(app.test_client(), account.user), account) for account in (ada, bob)
        }
        self.sent: list[Sent] = []
        self.kept: dict[tuple[str, str, str | None], tuple[str, TestResponse]] = {}

    @initialize(target=ids, random=st.randoms(use_true_random=True))
    def choose_ids(self, random: Random) -> MultipleResults[str]:
        self.random = random  # what the reads after each step choose by; Hypothesis chooses the seed
        return multiple(*CLIENTS_IDS, NOBODYS)

    # ---- what people do

    @rule(target=ids, user=users, fields=new_fields, key=keys)
    def create(self, user: str, fields: Fields, key: str | None) -> MultipleResults[str]:
        return self.send(Sent(user, "/api/tasks", key, json.dumps(fields)))

    @rule(target=ids, user=users, operations=operations, key=keys)
    def run_batch(self, user: str, operations: list[Operation], key: str | None) -> MultipleResults[str]:
        account = self.seats[user].account
        aimed = [self.aimed(account, operation) for operation in operations]
        return self.send(Sent(user, "/api/tasks/batch", key, json.dumps({"operations": aimed})))

    @rule(target=ids, number=st.integers(0, 99))
    def send_again(self, number: int) -> MultipleResults[str]:
        return self.send(self.sent[number % len(self.sent)]) if self.sent else multiple()

    @rule(user=users, id=ids, fields=new_fields)
    def create_under_an_own_id(self, user: str, id: str, fields: Fields) -> None:
        seat = self.seats[user]
        answer = seat.person.put(f"/api/tasks/{id}", json=fields, headers={"If-None-Match": "*"})
        agree(answer, 201, lambda: seat.account.create(id, fields, moment_of(answer)))

    @rule(
        user=users,
        method=st.sampled_from(["PUT", "PATCH"]),
        task=tasks,
        fields=some_fields,
        condition=conditions,
    )
    def edit(
        self, user: str, method: str, task: int | str, fields: Fields, condition: tuple[str, int]
    ) -> None:
        seat, task_id, headers, tags = self.aim(user, task, condition)
        answer = seat.person.call(method, f"/api/tasks/{task_id}", json=fields, headers=headers)
        agree(
            answer,
            200,
            lambda: seat.account.change(seat.account.find(task_id, tags), fields, moment_of(answer)),
        )

    @rule(user=users, task=tasks, completed=st.none() | st.booleans(), condition=conditions)
    def complete(
        self, user: str, task: int | str, completed: bool | None, condition: tuple[str, int]
    ) -> None:
        seat, task_id, headers, tags = self.aim(user, task, condition)
        sent = {} if completed is None else {"json": {"completed": completed}}
        answer = seat.person.patch(f"/api/tasks/{task_id}/complete", headers=headers, **sent)

        def set_or_toggle() -> Task:
            before = seat.account.find(task_id, tags)
            after = not before["completed"] if completed is None else completed
            return seat.account.change(before, {"completed": after}, moment_of(answer))

        agree(answer, 200, set_or_toggle)

    @rule(user=users, task=tasks, where=places, condition=conditions)
    def move(self, user: str, task: int | str, where: Fields, condition: tuple[str, int]) -> None:
        seat, task_id, headers, tags = self.aim(user, task, condition)
        to = neighbours(seat.account, where)
        answer = seat.person.post(f"/api/tasks/{task_id}/move", json=to, headers=headers)
        agree(
            answer,
            200,
            lambda: seat.account.move(seat.account.find(task_id, tags), to, moment_of(answer)),
        )

    @rule(user=users, task=tasks, condition=conditions)
    def delete(self, user: str, task: int | str, condition: tuple[str, int]) -> None:
        seat, task_id, headers, tags = self.aim(user, task, condition)
        answer = seat.person.delete(f"/api/tasks/{task_id}", headers=headers)
        agree(answer, 204, lambda: seat.account.delete(task_id, tags))

    @rule(user=users)
    def clear_completed(self, user: str) -> None:
        seat = self.seats[user]
        answer = seat.person.delete("/api/tasks?status=completed")
        agree(answer, 200, lambda: {"deleted": seat.account.clear()})

    # ---- how it is sent

    def aim(
        self, user: str, task: int | str, condition: tuple[str, int]
    ) -> tuple[Seat, str, dict[str, str], list[int] | None]:
        """The seat, the task's id, the header with the condition, and the revisions that it allows."""
        seat, (form, distance) = self.seats[user], condition
        task_id = own(seat.account, task)
        revision = revision_of(seat.account, task_id) + distance
        headers = {"If-Match": form.format(revision)} if form else {}
        return seat, task_id, headers, [revision] if "{}" in form else None

    def aimed(self, account: Account, operation: Operation) -> Operation:
        """The operation with ids and revisions in the place of places and distances."""
        if operation["op"] == "create":
            return operation
        aimed = neighbours(account, operation) | {"id": own(account, operation["id"])}
        if "if_match" in operation:
            aimed["if_match"] += revision_of(account, aimed["id"])
        return aimed

    def send(self, request: Sent) -> MultipleResults[str]:
        """Send what may be sent again; return the ids of the tasks that it made."""
        seat = self.seats[request.user]
        headers = {"Idempotency-Key": request.key} if request.key else {}
        answer = seat.person.post(
            request.path, data=request.payload, content_type="application/json", headers=headers
        )
        if request.place in self.kept:
            self.agree_with_the_first(request, answer)
            return multiple()
        self.sent.append(request)
        agree(answer, *self.done_to(seat.account, request, answer))
        if request.key and answer.status_code < 300:
            self.kept[request.place] = (request.payload, answer)
        return multiple(*ids_made_by(answer))

    def done_to(self, account: Account, request: Sent, answer: TestResponse) -> tuple[int, Any]:
        """The status of a success, and the same as the request done to the model."""
        new_ids, moment, payload = iter(ids_made_by(answer)), moment_of(answer), json.loads(request.payload)
        if request.path == "/api/tasks":
            return 201, lambda: account.create(next(new_ids, ""), payload, moment)
        return 200, lambda: {"results": account.perform(payload["operations"], new_ids, moment)}

    def agree_with_the_first(self, request: Sent, answer: TestResponse) -> None:
        payload, first = self.kept[request.place]
        if payload != request.payload:
            assert answer.status_code == 422, answer.text
            return
        assert answer.headers.get("Idempotency-Replayed") == "true"
        for name in ("ETag", "Location", "Content-Type"):
            assert answer.headers.get(name) == first.headers.get(name)
        assert (answer.status_code, answer.data) == (first.status_code, first.data)

    # ---- what there is to see after each step, to one of the two or to both

    def somebody(self) -> Seat:
        return self.random.choice(list(self.seats.values()))

    @invariant()
    def a_list_is_as_asked_for(self) -> None:
        seat, search, limit = self.somebody(), Search.at(self.random), self.random.choice([2, 5, 1000])
        expected = search.results(seat.account.tasks.values())
        first = seat.person.get(f"/api/tasks?{search.query(limit=limit, count='true')}")
        assert list(all_pages(seat.person, first)) == expected, search
        assert first.headers["X-Total-Count"] == str(len(expected))
        assert first.headers["ETag"] == list_tag(seat.account.user, seat.account.revision)

    @invariant()
    def the_order_by_hand_is_as_it_was_made(self) -> None:
        seat = self.somebody()
        listed = list(all_pages(seat.person, seat.person.get("/api/tasks?sort=position&limit=3")))
        assert [task["id"] for task in listed] == seat.account.order

    @invariant()
    def a_list_is_sent_again_only_if_its_owner_has_changed_something(self) -> None:
        for seat in self.seats.values():
            known, seat.known_revision = seat.known_revision, seat.account.revision
            again = seat.person.get(headers={"If-None-Match": list_tag(seat.account.user, known)})
            assert again.status_code == (304 if known == seat.account.revision else 200)
            assert again.headers["ETag"] == list_tag(seat.account.user, seat.account.revision)

    @invariant()
    def a_task_can_be_read_by_its_owner_only(self) -> None:
        seat = self.somebody()
        everybodys = [task_id for one in self.seats.values() for task_id in one.account.tasks]
        chosen = self.random.choice([NOBODYS, *everybodys])
        agree(seat.person.get(f"/api/tasks/{chosen}"), 200, partial(seat.account.find, chosen))

    @invariant()
    def a_task_is_sent_again_only_if_it_has_changed(self) -> None:
        seat = self.somebody()
        for task in self.random.sample(list(seat.account.tasks.values()), min(1, len(seat.account.tasks))):
            known = task["revision"] - self.random.choice([0, 1])
            headers = {"If-None-Match": f'W/"{known}"'}
            again = seat.person.get(f"/api/tasks/{task['id']}", headers=headers)
            assert again.status_code == (304 if known == task["revision"] else 200)
            assert_tagged(again, task["revision"])

    @invariant()
    def whoever_follows_the_changes_has_the_list(self) -> None:
        """Be it a new device, one that has been following, or one that comes back after a long time."""
        seat, limit = self.somebody(), self.random.choice([1, 3, 1000, 1000])
        device = self.random.choice([Mirror(), seat.mirrors[-1], self.random.choice(seat.mirrors)]).copy()
        device.catch_up(seat.person, limit)
        assert device.tasks == seat.account.tasks

    @invariant()
    def whoever_follows_now_and_then_is_not_led_astray(self) -> None:
        """One device asks at some steps, and so begins, falls behind and goes on as others write."""
        seat, limit = self.somebody(), self.random.choice([1, 1, 2, 1000])
        device = seat.mirrors[-1].copy()
        device.take_page(seat.person, limit)
        assert device.behind or device.tasks == seat.account.tasks
        seat.mirrors.append(device)


@pytest.mark.pooled
def test_the_service_is_what_a_few_dictionaries_are(app: Flask) -> None:
    class TwoPeopleHere(TwoPeople):
        def __init__(self) -> None:
            super().__init__(app)

    run_state_machine_as_test(
        TwoPeopleHere,
        settings=settings(
            max_examples=10,
            stateful_step_count=30,
            derandomize=True,  # the same requests on every machine
            report_multiple_bugs=False,  # to make one of them small takes minutes already
            deadline=None,  # a step takes as long as the database does
            suppress_health_check=list(HealthCheck),  # and so do the examples
        ),
    )
