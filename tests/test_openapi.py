"""The OpenAPI document: complete, valid, and true to what the service answers (contract §7)."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from tests.people import Person, body
from todo_service import create_app, idempotency
from todo_service.batch_schemas import OPERATIONS
from todo_service.config import Settings
from todo_service.extensions import db
from todo_service.fields import parse_timestamp
from todo_service.models import User
from todo_service.openapi import describe
from todo_service.openapi_schemas import TIMESTAMP_SENT
from todo_service.schemas import SERVER_OWNED

JSON = dict[str, Any]

ID = "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"
NEW = {"If-None-Match": "*"}
STALE = {"If-Match": '"0"'}


@pytest.fixture
def document(client: FlaskClient) -> JSON:
    return dict(body(client.get("/openapi.json")))


def operations(document: JSON) -> Iterator[tuple[str, str, JSON]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def validator(document: JSON, schema: JSON) -> Draft202012Validator:
    """For a schema of the document, whose references lead into the document."""
    return Draft202012Validator(
        {**schema, "components": document["components"]}, format_checker=FormatChecker(["date-time", "uuid"])
    )


def component(document: JSON, name: str) -> Draft202012Validator:
    return validator(document, {"$ref": f"#/components/schemas/{name}"})


def request_example(document: JSON, path: str, method: str, media_type: str = "application/json") -> Any:
    return document["paths"][path][method]["requestBody"]["content"][media_type]["example"]


def parameters(operation: JSON, place: str) -> dict[str, JSON]:
    return {one["name"]: one for one in operation.get("parameters", []) if one["in"] == place}


def described_answer(document: JSON, path: str, method: str, answer: TestResponse) -> JSON:
    """What the document says of this answer."""
    described = document["paths"][path][method]["responses"]
    assert str(answer.status_code) in described, (path, method, answer.text)
    return resolved(document, described[str(answer.status_code)])


def nested(levels: int) -> Any:
    """A list in a list …, so many `levels` deep."""
    return [] if levels == 1 else [nested(levels - 1)]


def check_headers(document: JSON, described: JSON, answer: TestResponse) -> None:
    """An answer has every header field it must have, and none of its own that is not described."""
    fields = {name: resolved(document, one) for name, one in described["headers"].items()}
    assert {name for name, one in fields.items() if one["required"]} <= set(answer.headers.keys())
    assert set(answer.headers.keys()) & set(document["components"]["headers"]) <= set(fields)


def resolved(document: JSON, described: JSON) -> JSON:
    kind, _, name = described.get("$ref", "").removeprefix("#/components/").partition("/")
    return dict(document["components"][kind][name]) if name else described


def test_it_is_valid_openapi(document: JSON) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_it_is_revalidated_by_its_etag(client: FlaskClient) -> None:
    first = client.get("/openapi.json")
    again = client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert first.mimetype == "application/json"
    assert "no-cache" in first.headers["Cache-Control"]
    assert (again.status_code, again.data) == (304, b"")


def test_every_route_and_method_is_in_it(app: Flask, document: JSON) -> None:
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(path, method) for path, method, _ in operations(document)} == served


def test_every_operation_has_a_name_of_its_own_and_a_summary(document: JSON) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for _, _, operation in operations(document))


def test_what_lies_under_api_needs_the_token_and_nothing_else_does(document: JSON) -> None:
    for path, method, operation in operations(document):
        expected: list[JSON] = [{"bearer": []}] if path.startswith("/api/") else []
        assert operation["security"] == expected, (method, path)
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_every_example_is_valid_by_its_schema(document: JSON) -> None:
    found = list(media_types(document))
    assert found
    for media_type in found:
        if "schema" in media_type:
            validator(document, media_type["schema"]).validate(media_type["example"])
    for schema in document["components"]["schemas"].values():
        for member in schema["properties"].values():
            for example in member.get("examples", []):
                validator(document, member).validate(example)


def media_types(node: Any) -> Iterator[JSON]:
    """Every media type object, wherever it is."""
    if isinstance(node, dict):
        if isinstance(content := node.get("content"), dict):
            yield from content.values()
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from media_types(child)


def test_the_examples_of_bodies_work(document: JSON, ada: Person) -> None:
    created = ada.post(json=request_example(document, "/api/tasks", "post"))
    assert created.status_code == 201
    task = created.headers["Location"]
    assert ada.put(task, json=request_example(document, "/api/tasks/{id}", "put")).status_code == 200
    done = ada.patch(f"{task}/complete", json=request_example(document, "/api/tasks/{id}/complete", "patch"))
    assert body(done)["completed"] is True
    for media_type in ("application/json", "application/merge-patch+json"):
        patch = json.dumps(request_example(document, "/api/tasks/{id}", "patch", media_type))
        assert ada.patch(task, data=patch, content_type=media_type).status_code == 200


def test_the_example_of_a_batch_works_and_shows_every_kind_of_operation(document: JSON, ada: Person) -> None:
    example = request_example(document, "/api/tasks/batch", "post")
    assert [one["op"] for one in example["operations"]] == list(OPERATIONS)
    ada.put(f"/api/tasks/{ID}", json={"title": "Pay rent"}, headers=NEW)
    answer = ada.post("/api/tasks/batch", json=example)
    assert [one["status"] for one in body(answer)["results"]] == [201, 200, 200, 204]
    component(document, "BatchResult").validate(body(answer))


def test_changes_are_as_described(document: JSON, ada: Person) -> None:
    gone = ada.adds()
    start = body(ada.get("/api/tasks/changes"))
    ada.delete(f"/api/tasks/{gone['id']}")
    ada.adds()
    news = body(ada.get(f"/api/tasks/changes?since={start['token']}"))
    assert [change["type"] for change in news["changes"]] == ["delete", "upsert"]
    for served in (start, news):
        component(document, "Changes").validate(served)


def test_tasks_are_as_described(document: JSON, ada: Person) -> None:
    task = ada.adds()
    done = body(ada.patch(f"/api/tasks/{ada.adds(priority='low')['id']}/complete"))
    for served in (task, done, *body(ada.get())):
        component(document, "Task").validate(served)
    assert set(document["components"]["schemas"]["Task"]["required"]) == set(task)


def test_a_task_may_be_sent_back_whole_and_nothing_unknown_with_it(document: JSON, ada: Person) -> None:
    task = ada.adds()
    assert component(document, "TaskInput").is_valid(task)
    assert component(document, "TaskUpdate").is_valid(task)
    assert not component(document, "TaskInput").is_valid({**task, "colour": "red"})


def test_only_the_title_is_needed_and_only_to_create(document: JSON) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["TaskInput"]["required"] == ["title"]
    assert "required" not in schemas["TaskUpdate"]
    ignored = {name for name, member in schemas["TaskInput"]["properties"].items() if "type" not in member}
    assert ignored == set(SERVER_OWNED)


def test_the_body_of_complete_is_optional(document: JSON) -> None:
    assert document["paths"]["/api/tasks/{id}/complete"]["patch"]["requestBody"]["required"] is False
    assert document["paths"]["/api/tasks"]["post"]["requestBody"]["required"] is True


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
        {"due_date": "2026-02-10"},
        {"due_date": "2026-02-10T14:30"},
        {"due_date": "2026-02-10 14:30:00.1234567+05:30"},
    ],
)
def test_what_the_service_takes_its_description_allows(document: JSON, ada: Person, members: JSON) -> None:
    sent = {"title": "Pay rent", **members}
    assert ada.post(json=sent).status_code == 201
    assert component(document, "TaskInput").is_valid(sent)


def test_the_pattern_of_timestamps_knows_the_calendar_but_for_leap_years() -> None:
    for month in range(14):
        for day in range(33):
            written = f"2028-{month:02}-{day:02}"
            assert bool(re.search(TIMESTAMP_SENT, written)) == is_timestamp(written), written


@pytest.mark.parametrize("time", ["T23:59", "t23:59:59z", " 00:00:00.5-23:59", "T24:00", "T10:60", "T9:30"])
def test_the_pattern_of_timestamps_knows_the_clock(time: str) -> None:
    written = f"2028-02-29{time}"
    assert bool(re.search(TIMESTAMP_SENT, written)) == is_timestamp(written)


def is_timestamp(written: str) -> bool:
    try:
        parse_timestamp(written)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "create", "task": {"title": "x", "id": ID, "revision": 1}},
        {"op": "update", "id": ID, "task": {"due_date": None}, "if_match": None},
        {"op": "complete", "id": ID, "completed": True},
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
        [{"op": "create", "task": {"title": "x"}, "id": ID}],
        [{"op": "update", "id": ID}],
        [{"op": "update", "id": ID, "task": {"title": None}}],
        [{"op": "complete", "id": ID}],
        [{"op": "complete", "id": ID, "completed": 1}],
        [{"op": "delete"}],
        [{"op": "delete", "id": ID, "if_match": '"1"'}],
        [{"op": "delete", "id": ID, "if_match": 1.5}],
    ],
)
def test_what_a_batch_refuses_its_description_refuses(document: JSON, ada: Person, operations: Any) -> None:
    assert ada.post("/api/tasks/batch", json={"operations": operations}).status_code == 400
    assert not component(document, "BatchInput").is_valid({"operations": operations})


def test_the_operations_of_a_batch_are_told_apart_by_op(document: JSON) -> None:
    batch = document["components"]["schemas"]["BatchInput"]["properties"]["operations"]
    kinds = batch["items"]["discriminator"]["mapping"]
    assert batch["items"]["discriminator"]["propertyName"] == "op"
    assert [{"$ref": kinds[kind]} for kind in OPERATIONS] == batch["items"]["oneOf"]
    for kind, reference in kinds.items():
        assert resolved(document, {"$ref": reference})["properties"]["op"]["enum"] == [kind]


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


def test_what_no_schema_can_say_is_a_described_refusal(document: JSON, ada: Person) -> None:
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


def test_lists_in_parameters_are_separated_by_commas(document: JSON) -> None:
    by_name = {one["name"]: one for one in document["paths"]["/api/tasks"]["get"]["parameters"]}
    sort = by_name["sort"]
    assert (sort["schema"]["type"], sort["style"], sort["explode"]) == ("array", "form", False)
    assert sort["schema"]["default"] == ["created"]
    assert by_name["status"]["schema"]["enum"] == ["all", "pending", "completed"]
    assert by_name["status"]["schema"]["default"] == "all"


def test_refusals_are_described_and_are_problems(document: JSON, client: FlaskClient, ada: Person) -> None:
    bobs = Person(client, "bob").adds()["id"]
    refusals = [
        ("/api/tasks", "get", client.get("/api/tasks")),
        ("/api/tasks", "get", ada.get("/api/tasks?colour=red")),
        ("/api/tasks", "post", ada.post(json={})),
        ("/api/tasks", "post", ada.post(data="title=x", content_type="text/plain")),
        ("/api/tasks", "post", ada.post(json={"title": "x" * 300_000})),
        ("/api/tasks/{id}", "get", ada.get(f"/api/tasks/{ID}")),
        ("/api/tasks/{id}", "put", ada.put(f"/api/tasks/{bobs}", json={})),
        ("/api/tasks/{id}", "delete", ada.delete(f"/api/tasks/{bobs}")),
        ("/api/tasks/{id}/complete", "patch", ada.patch(f"/api/tasks/{ID}/complete", json={})),
        ("/docs/{asset}", "get", client.get("/docs/unknown.js")),
    ]
    for path, method, answer in refusals:
        check_refusal(document, path, method, answer)


def test_what_is_no_task_or_somebody_elses_is_a_described_refusal(
    document: JSON, client: FlaskClient, ada: Person
) -> None:
    bobs = Person(client, "bob").adds()["id"]
    for path, method, _ in operations(document):
        if "{id}" in path:
            for task, status in ((bobs, 403), (ID, 404)):
                answer = ada.call(method, path.format(id=task), json={"completed": True})
                assert answer.status_code == status
                check_refusal(document, path, method, answer)


def test_all_that_needs_the_database_may_be_unavailable_and_nothing_else(
    document: JSON, environment: dict[str, str]
) -> None:
    nowhere = {**environment, "DATABASE_URL": "postgresql://todo@127.0.0.1:1/todo"}
    ada = Person(create_app(Settings.from_environ(nowhere)).test_client(), "ada")
    for path, method, operation in operations(document):
        if "503" not in operation["responses"]:
            answer = ada.call(method, path.format(asset="start.js"), buffered=True)
            assert answer.status_code == 200
            continue
        example = None if method == "get" else {"title": "Pay rent", "completed": True}
        answer = ada.call(method, path.format(id=ID), json=example)
        assert answer.status_code == 503
        check_refusal(document, path, method, answer)


def check_refusal(document: JSON, path: str, method: str, answer: TestResponse) -> None:
    assert answer.status_code >= 400
    refusal = described_answer(document, path, method, answer)
    schema = refusal["content"][answer.mimetype]["schema"]
    validator(document, schema).validate(answer.json)
    check_headers(document, refusal, answer)


def test_a_batch_is_refused_as_its_operations_are(document: JSON, ada: Person, bob: Person) -> None:
    own, bobs = ada.adds()["id"], bob.adds()["id"]
    refusals = {
        400: {"operations": []},
        403: {"operations": [{"op": "delete", "id": bobs}]},
        404: {"operations": [{"op": "delete", "id": ID}]},
        412: {"operations": [{"op": "delete", "id": own, "if_match": 0}]},
        413: {"operations": [{"op": "create", "task": {"title": "x" * 1_100_000}}]},
    }
    for status, sent in refusals.items():
        answer = ada.post("/api/tasks/batch", json=sent)
        assert answer.status_code == status
        check_refusal(document, "/api/tasks/batch", "post", answer)


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


def test_every_operation_that_takes_if_match_heeds_it_and_no_other_does(document: JSON, ada: Person) -> None:
    heeding = set()
    for path, method, operation in operations(document):
        if "If-Match" in parameters(operation, "header"):
            heeding.add(operation["operationId"])
            task = ada.adds()
            answer = ada.call(method, path.format(id=task["id"]), json={"completed": True}, headers=STALE)
            assert (answer.status_code, body(answer)["current"]) == (412, task)
            check_refusal(document, path, method, answer)
        else:
            assert "412" not in operation["responses"] or operation["operationId"] == "run_batch"
    assert heeding == {"update_task", "patch_task", "complete_task", "delete_task"}


def test_a_put_that_creates_is_described(document: JSON, ada: Person) -> None:
    put = document["paths"]["/api/tasks/{id}"]["put"]
    assert "`*`" in parameters(put, "header")["If-None-Match"]["description"]
    created, again = (ada.put(f"/api/tasks/{ID}", json={"title": "Pay rent"}, headers=NEW) for _ in range(2))
    assert (created.status_code, again.status_code) == (201, 412)
    check_headers(document, put["responses"]["201"], created)
    check_refusal(document, "/api/tasks/{id}", "put", again)


def test_every_operation_that_takes_an_idempotency_key_heeds_it(
    document: JSON, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.put(f"/api/tasks/{ID}", json={"title": "Pay rent"}, headers=NEW)
    heeding = set()
    for path, method, operation in operations(document):
        if "Idempotency-Key" not in parameters(operation, "header"):
            assert operation["responses"].keys().isdisjoint({"409", "422"})
            continue
        heeding.add(path)
        headers, sent = {"Idempotency-Key": "k"}, request_example(document, path, method)
        as_json = {"content_type": "application/json", "headers": headers}
        first, replay = (ada.call(method, path, json=sent, headers=headers) for _ in range(2))
        assert replay.data == first.data
        assert replay.headers["Idempotency-Replayed"] == "true"
        for answer in (first, replay):
            check_headers(document, described_answer(document, path, method, answer), answer)
        reused = ada.call(method, path, data=f"{json.dumps(sent)} ", **as_json)
        with monkeypatch.context() as patch:
            patch.setattr(idempotency, "this_write", busy)
            patch.setattr(idempotency, "is_lock_timeout", lambda error: True)
            running = ada.call(method, path, json=sent, headers=headers)
        assert (reused.status_code, running.status_code) == (422, 409)
        for refused in (reused, running):
            check_refusal(document, path, method, refused)
    assert heeding == {"/api/tasks", "/api/tasks/batch"}


def busy() -> None:
    raise OperationalError("", {}, Exception())


@pytest.mark.parametrize(("key", "status"), [("!~" * 127 + "x", 201), ("x" * 256, 400), ("a b", 400)])
def test_keys_are_as_described(document: JSON, ada: Person, key: str, status: int) -> None:
    described = parameters(document["paths"]["/api/tasks"]["post"], "header")["Idempotency-Key"]
    answer = ada.post(json={"title": "Pay rent"}, headers={"Idempotency-Key": key})
    assert answer.status_code == status
    assert validator(document, described["schema"]).is_valid(key) == (status == 201)


def outdated(app: Flask, ada: Person) -> TestResponse:
    """The answer to a token from before deletions that are forgotten."""
    ada.adds()
    token = body(ada.get("/api/tasks/changes"))["token"]
    ada.adds()
    with app.app_context():
        db.session.execute(update(User).values(forgotten=User.revision))
        db.session.commit()
    return ada.get(f"/api/tasks/changes?since={token}")


def test_only_following_changes_can_come_too_late(document: JSON, app: Flask, ada: Person) -> None:
    check_refusal(document, "/api/tasks/changes", "get", outdated(app, ada))
    late = [path for path, _, operation in operations(document) if "410" in operation["responses"]]
    assert late == ["/api/tasks/changes"]


def test_the_examples_of_refusals_are_what_is_really_said(
    document: JSON, app: Flask, client: FlaskClient, ada: Person
) -> None:
    bobs = Person(client, "bob").adds()["id"]
    key = {"Idempotency-Key": "k"}
    ada.post(json={"title": "Pay rent"}, headers=key)
    said = {
        "BadRequest": ada.post(json={}),
        "Unauthorized": client.get("/api/tasks"),
        "Forbidden": ada.get(f"/api/tasks/{bobs}"),
        "NotFound": ada.get(f"/api/tasks/{ID}"),
        "Gone": outdated(app, ada),
        "PreconditionFailed": ada.put(f"/api/tasks/{ada.adds()['id']}", json={}, headers=STALE),
        "ContentTooLarge": ada.post(json={"title": "x" * 300_000}),
        "UnsupportedMediaType": ada.post(data="title=x", content_type="text/plain"),
        "UnprocessableContent": ada.post(json={"title": "Pay"}, headers=key),
    }
    own = {"request_id", "current"}
    for name, answer in said.items():
        example = document["components"]["responses"][name]["content"]["application/problem+json"]["example"]
        assert without(own, example) == without(own, body(answer))
        assert example.keys() == body(answer).keys()


def without(names: set[str], members: JSON) -> JSON:
    return {name: value for name, value in members.items() if name not in names}


def test_successes_carry_the_headers_they_promise(document: JSON, ada: Person) -> None:
    created = ada.post(json={"title": "Pay rent"})
    task = created.headers["Location"]
    unchanged = ada.get(task, headers={"If-None-Match": created.headers["ETag"]})
    ada.adds()
    page = ada.get("/api/tasks?limit=1&count=true")
    assert {"Link", "X-Total-Count", "ETag"} <= set(page.headers.keys())
    answers = [
        ("/api/tasks", "post", created),
        ("/api/tasks", "get", ada.get()),
        ("/api/tasks", "get", page),
        ("/api/tasks", "get", ada.get(headers={"If-None-Match": page.headers["ETag"]})),
        ("/api/tasks/changes", "get", ada.get("/api/tasks/changes")),
        ("/api/tasks/{id}", "get", ada.get(task)),
        ("/api/tasks/{id}", "get", unchanged),
        ("/api/tasks/{id}", "put", ada.put(task, json={"title": "Pay"})),
        ("/api/tasks/{id}", "patch", ada.patch(task, json={"title": "Pay rent"})),
        ("/api/tasks/{id}/complete", "patch", ada.patch(f"{task}/complete")),
        ("/api/tasks/{id}", "delete", ada.delete(task)),
        ("/api/tasks", "delete", ada.delete("/api/tasks?status=completed")),
    ]
    assert [answer.status_code for _, _, answer in answers].count(304) == 2
    for path, method, answer in answers:
        described = described_answer(document, path, method, answer)
        check_headers(document, described, answer)
        assert bool(answer.data) == ("content" in described), (path, method)
        if answer.data:
            validator(document, described["content"][answer.mimetype]["schema"]).validate(answer.json)


def test_reading_tasks_is_conditional_and_reading_nothing_else_is(document: JSON) -> None:
    conditional = set()
    for _, method, operation in operations(document):
        if "304" in operation["responses"]:
            conditional.add(operation["operationId"])
        if method == "get":
            takes_etag = "If-None-Match" in parameters(operation, "header")
            assert takes_etag == ("304" in operation["responses"])
    assert conditional == {"list_tasks", "read_task"}


def test_only_a_patch_of_a_task_is_a_merge_patch(document: JSON) -> None:
    for _, _, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {})
        is_merge_patch = operation["operationId"] == "patch_task"
        assert ("application/merge-patch+json" in content) == is_merge_patch


def test_rate_limits_are_described_as_what_may_be_off(document: JSON) -> None:
    optional = {name for name, one in document["components"]["headers"].items() if not one["required"]}
    assert {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} <= optional


def test_the_request_it_was_made_in_does_not_show(app: Flask) -> None:
    headers = {"X-Request-Id": "somebodys-request", "Host": "internal.example.com"}
    with app.test_request_context(headers=headers):
        written = json.dumps(describe(app))
    assert "somebodys-request" not in written
    assert "internal.example.com" not in written
