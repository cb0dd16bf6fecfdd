"""The OpenAPI document takes and refuses the bodies and parameters that the service does."""

import json
import re
from typing import Any

import pytest

from tests.openapi_document import (
    ID,
    JSON,
    NEW,
    check_refusal,
    component,
    operations,
    parameters,
    validator,
)
from tests.people import Person, body


def nested(levels: int) -> Any:
    """A list in a list …, so many `levels` deep."""
    return [] if levels == 1 else [nested(levels - 1)]


@pytest.mark.parametrize(
    "members",
    [
        {"title": ""},
        {"title": " \x1c\x85"},
        {"title": "x" * 201},
        {"title": None},
        {"description": "x" * 1001},
        {"priority": "urgent"},
        {"completed": "yes"},
        {"completed": None},
        {"due_date": "tomorrow"},
        {"due_date": "2026-02-30"},
        {"tags": "home"},
        {"tags": ["a,b"]},
        {"tags": [" "]},
        {"tags": ["x" * 51]},
        {"tags": ["x"] * 21},
        {"colour": "red"},
    ],
)
def test_what_the_service_refuses_its_description_refuses(document: JSON, ada: Person, members: JSON) -> None:
    sent = {"title": "Pay rent", **members}
    assert ada.post(json=sent).status_code == 400
    assert not component(document, "TaskInput").is_valid(sent)


@pytest.mark.parametrize(
    "members",
    [
        {"title": " x "},
        {"title": "x" * 200},
        {"description": None, "priority": None, "due_date": None},
        {"description": "", "completed": True},
        {"tags": None},
        {"tags": ["Home", " two words "]},
        {"due_date": "2026-02-10"},
        {"due_date": "2026-02-10T14:30"},
        {"due_date": "2016-12-31T23:59:60Z"},
        {"due_date": "2026-02-10 14:30:00.1234567+05:30"},
    ],
)
def test_what_the_service_takes_its_description_allows(document: JSON, ada: Person, members: JSON) -> None:
    sent = {"title": "Pay rent", **members}
    assert ada.post(json=sent).status_code == 201
    assert component(document, "TaskInput").is_valid(sent)


def test_the_pattern_of_timestamps_knows_the_calendar_but_for_leap_years(document: JSON, ada: Person) -> None:
    for month in range(14):
        for day in range(33):
            written = f"2028-{month:02}-{day:02}"
            assert is_described(document, written) == is_taken(ada, written), written


@pytest.mark.parametrize(
    "time", ["T23:59", "t23:59:59z", " 00:00:00.5-23:59", "T24:00", "T10:60", "T9:30", "T23:59:60Z"]
)
def test_the_pattern_of_timestamps_knows_the_clock(document: JSON, ada: Person, time: str) -> None:
    written = f"2028-02-29{time}"
    assert is_described(document, written) == is_taken(ada, written)


def is_described(document: JSON, written: str) -> bool:
    """Whether the pattern lets it pass, which is the same for all timestamps."""
    task = document["components"]["schemas"]["TaskInput"]["properties"]
    query = parameters(document["paths"]["/api/tasks"]["get"], "query")
    assert task["due_date"]["pattern"] == query["due_after"]["schema"]["pattern"]
    return bool(re.search(task["due_date"]["pattern"], written))


def is_taken(person: Person, written: str) -> bool:
    answer = person.get("/api/tasks", query_string={"due_after": written})
    assert answer.status_code in (200, 400)
    return answer.status_code == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"to": "top"}, 200),
        ({"after": ID}, 200),
        ({}, 400),
        ({"to": "middle"}, 400),
        ({"to": "top", "after": ID}, 400),
    ],
)
def test_a_move_is_taken_as_described(document: JSON, ada: Person, sent: JSON, status: int) -> None:
    ada.put(f"/api/tasks/{ID}", json={"title": "Pay rent"}, headers=NEW)
    assert ada.post(f"/api/tasks/{ID}/move", json=sent).status_code == status
    assert component(document, "MoveInput").is_valid(sent) == (status == 200)


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "create", "task": {"title": "x", "id": ID, "revision": 1}},
        {"op": "update", "id": ID, "task": {"due_date": None}, "if_match": None},
        {"op": "complete", "id": ID, "completed": True},
        {"op": "move", "id": ID, "to": "top", "if_match": 1},
        {"op": "move", "id": ID, "before": ID},
        {"op": "delete", "id": ID},
    ],
)
def test_what_a_batch_takes_its_description_allows(document: JSON, ada: Person, operation: JSON) -> None:
    ada.put(f"/api/tasks/{ID}", json={"title": "Pay rent"}, headers=NEW)
    assert ada.post("/api/tasks/batch", json={"operations": [operation]}).status_code == 200
    assert component(document, "BatchInput").is_valid({"operations": [operation]})


@pytest.mark.parametrize(
    "operations",
    [
        None,
        [],
        [{"op": "delete", "id": ID}] * 101,
        ["delete"],
        [{}],
        [{"op": "archive", "id": ID}],
        [{"op": "create", "task": {}}],
        [{"op": "create", "task": {"title": "x"}, "id": "my-id"}],
        [{"op": "update", "id": ID}],
        [{"op": "update", "id": ID, "task": {"title": None}}],
        [{"op": "complete", "id": ID}],
        [{"op": "complete", "id": ID, "completed": 1}],
        [{"op": "move", "id": ID}],
        [{"op": "move", "id": ID, "to": "middle"}],
        [{"op": "delete"}],
        [{"op": "delete", "id": ID, "if_match": '"1"'}],
        [{"op": "delete", "id": ID, "if_match": 1.5}],
    ],
)
def test_what_a_batch_refuses_its_description_refuses(document: JSON, ada: Person, operations: Any) -> None:
    assert ada.post("/api/tasks/batch", json={"operations": operations}).status_code == 400
    assert not component(document, "BatchInput").is_valid({"operations": operations})


def as_described(parameter: JSON, written: str) -> Any:
    """A parameter's value, read as its description says."""
    if parameter["schema"]["type"] == "array":
        return written.split(",")
    if parameter["schema"]["type"] in ("integer", "boolean"):
        try:
            return json.loads(written)
        except ValueError:
            return written
    return written


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("status=pending", 200),
        ("status=done", 400),
        ("sort=priority,due_date", 200),
        ("sort=created,created", 400),
        ("sort=colour", 400),
        ("order=desc", 200),
        ("order=down", 400),
        ("priority=high,none", 200),
        ("priority=urgent", 400),
        ("priority=low,low", 400),
        ("tag=home,Work", 200),
        ("tag=home,home", 200),
        ("tag=home,,work", 400),
        (f"tag={'x' * 51}", 400),
        ("due_after=2026-02-10", 200),
        ("due_after=soon", 400),
        ("due_before=2026-02-10T14:30Z", 200),
        ("due_before=2026-02-30", 400),
        ("q=rent", 200),
        (f"q={'x' * 201}", 400),
        ("limit=1", 200),
        ("limit=1000", 200),
        ("limit=0", 400),
        ("limit=1001", 400),
        ("limit=ten", 400),
        ("count=true", 200),
        ("count=false", 200),
        ("count=1", 400),
    ],
)
def test_the_list_takes_and_refuses_the_parameters_its_description_does(
    document: JSON, ada: Person, query: str, status: int
) -> None:
    name, _, written = query.partition("=")
    parameter = parameters(document["paths"]["/api/tasks"]["get"], "query")[name]
    assert ada.get(f"/api/tasks?{query}").status_code == status
    described = validator(document, parameter["schema"])
    assert described.is_valid(as_described(parameter, written)) == (status == 200)


def test_a_rule_that_no_schema_can_say_is_a_described_refusal(document: JSON, ada: Person) -> None:
    for query in ("order=asc,desc", "cursor=made-up"):
        answer = ada.get(f"/api/tasks?{query}")
        assert answer.status_code == 400
        check_refusal(document, "/api/tasks", "get", answer)


def test_every_parameter_is_described_and_what_may_be_left_out_may_be_empty(
    document: JSON, ada: Person
) -> None:
    for path, method, operation in operations(document):
        for name, parameter in parameters(operation, "query").items():
            assert parameter["description"]
            assert parameter["allowEmptyValue"] != parameter["required"]
            assert "null" not in parameter["schema"]["type"]
            status = 400 if parameter["required"] else 200
            assert ada.call(method, f"{path}?{name}=").status_code == status


def test_every_call_refuses_parameters_it_does_not_know_or_is_given_twice(
    document: JSON, ada: Person
) -> None:
    for path, method, operation in operations(document):
        if not path.startswith("/api/"):
            continue
        single = [name for name, one in parameters(operation, "query").items() if "explode" not in one]
        queries = {"colour": "colour=red", **{name: f"{name}=1&{name}=1" for name in single}}
        for name, query in queries.items():
            answer = ada.call(method, f"{path}?{query}")
            assert (answer.status_code, name in body(answer)["errors"]) == (400, True), (method, path, name)
            message = "Unknown parameter." if name == "colour" else "Given more than once."
            assert body(answer)["errors"][name] == [message]


def test_lists_in_parameters_are_repeated_as_generated_clients_do(document: JSON) -> None:
    by_name = {one["name"]: one for one in document["paths"]["/api/tasks"]["get"]["parameters"]}
    for name in ("sort", "order", "priority"):
        described = by_name[name]
        assert (described["schema"]["type"], described["style"], described["explode"]) == (
            "array",
            "form",
            True,
        )
    sort = by_name["sort"]
    assert sort["schema"]["default"] == ["created"]
    assert by_name["status"]["schema"]["enum"] == ["all", "pending", "completed"]
    assert by_name["status"]["schema"]["default"] == "all"


def test_bodies_may_be_as_large_as_described(document: JSON, ada: Person) -> None:
    for path, most in (("/api/tasks", 256), ("/api/tasks/batch", 1024)):
        assert document["paths"][path]["post"]["requestBody"]["description"] == f"At most {most} KiB."
        for size, status in ((most * 1024, 400), (most * 1024 + 1, 413)):
            answer = ada.post(path, data="{}".ljust(size), content_type="application/json")
            assert answer.status_code == status


@pytest.mark.parametrize(
    ("stated", "within", "beyond"),
    [
        ("at most 32 levels deep", nested(31), nested(32)),
        ("at most 100 members", dict.fromkeys(map(str, range(100))), dict.fromkeys(map(str, range(101)))),
        ("at most 100 characters", {"x" * 100: 1}, {"x" * 101: 1}),
    ],
)
def test_limits_that_no_schema_states_are_stated_in_words(
    document: JSON, ada: Person, stated: str, within: Any, beyond: Any
) -> None:
    assert stated in " ".join(document["info"]["description"].split())
    for ignored, status in ((within, 201), (beyond, 400)):
        assert component(document, "TaskInput").is_valid({"title": "Pay rent", "id": ignored})
        assert ada.post(json={"title": "Pay rent", "id": ignored}).status_code == status


@pytest.mark.parametrize(("key", "status"), [("!~" * 127 + "x", 201), ("x" * 256, 400), ("a b", 400)])
def test_keys_are_as_described(document: JSON, ada: Person, key: str, status: int) -> None:
    described = parameters(document["paths"]["/api/tasks"]["post"], "header")["Idempotency-Key"]
    answer = ada.post(json={"title": "Pay rent"}, headers={"Idempotency-Key": key})
    assert answer.status_code == status
    assert validator(document, described["schema"]).is_valid(key) == (status == 201)
