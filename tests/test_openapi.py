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
from werkzeug.test import TestResponse

from tests.people import Person, body
from todo_service.openapi import describe
from todo_service.openapi_schemas import TIMESTAMP_SENT
from todo_service.schemas import SERVER_OWNED, parse_timestamp

JSON = dict[str, Any]

ID = "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"


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


def request_example(document: JSON, path: str, method: str) -> Any:
    return document["paths"][path][method]["requestBody"]["content"]["application/json"]["example"]


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
        (re.sub("<(.*?)>", r"{\1}", rule.rule), method.lower())
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
        expected: list[JSON] | None = [{"bearer": []}] if path.startswith("/api/") else None
        assert operation.get("security") == expected, (method, path)
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


def test_lists_in_parameters_are_separated_by_commas(document: JSON) -> None:
    by_name = {one["name"]: one for one in document["paths"]["/api/tasks"]["get"]["parameters"]}
    sort = by_name["sort"]
    assert (sort["schema"]["type"], sort["style"], sort["explode"]) == ("array", "form", False)
    assert sort["schema"]["default"] == ["created"]
    assert by_name["status"]["schema"]["enum"] == ["all", "pending", "completed"]
    assert by_name["status"]["schema"]["default"] == "all"
    assert all(one["description"] for one in by_name.values())


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


def check_refusal(document: JSON, path: str, method: str, answer: TestResponse) -> None:
    assert answer.status_code >= 400
    described = document["paths"][path][method]["responses"][str(answer.status_code)]
    refusal = resolved(document, described)
    schema = refusal["content"][answer.mimetype]["schema"]
    validator(document, schema).validate(answer.json)
    promised = {name for name in refusal["headers"] if not name.startswith("X-RateLimit")}
    assert promised <= set(answer.headers.keys()), (path, method)


def test_the_examples_of_refusals_are_what_is_really_said(
    document: JSON, client: FlaskClient, ada: Person
) -> None:
    bobs = Person(client, "bob").adds()["id"]
    said = {
        "BadRequest": ada.post(json={}),
        "Unauthorized": client.get("/api/tasks"),
        "Forbidden": ada.get(f"/api/tasks/{bobs}"),
        "NotFound": ada.get(f"/api/tasks/{ID}"),
        "ContentTooLarge": ada.post(json={"title": "x" * 300_000}),
        "UnsupportedMediaType": ada.post(data="title=x", content_type="text/plain"),
    }
    for name, answer in said.items():
        content = document["components"]["responses"][name]["content"]["application/problem+json"]
        assert {**content["example"], "request_id": ""} == {**body(answer), "request_id": ""}


def test_successes_carry_the_headers_they_promise(document: JSON, ada: Person) -> None:
    created = ada.post(json={"title": "Pay rent"})
    task = created.headers["Location"]
    unchanged = ada.get(task, headers={"If-None-Match": created.headers["ETag"]})
    answers = [
        ("/api/tasks", "post", created),
        ("/api/tasks", "get", ada.get()),
        ("/api/tasks/{id}", "get", ada.get(task)),
        ("/api/tasks/{id}", "get", unchanged),
        ("/api/tasks/{id}", "put", ada.put(task, json={"title": "Pay"})),
        ("/api/tasks/{id}/complete", "patch", ada.patch(f"{task}/complete")),
        ("/api/tasks/{id}", "delete", ada.delete(task)),
    ]
    assert unchanged.status_code == 304
    for path, method, answer in answers:
        described = document["paths"][path][method]["responses"][str(answer.status_code)]
        promised = {name for name in described["headers"] if not name.startswith("X-RateLimit")}
        assert promised <= set(answer.headers.keys()), (path, method)
        assert bool(answer.data) == ("content" in described), (path, method)


def test_only_reading_one_task_is_conditional(document: JSON) -> None:
    for _, _, operation in operations(document):
        is_read_task = operation["operationId"] == "read_task"
        parameters = {one["name"] for one in operation.get("parameters", [])}
        assert ("304" in operation["responses"]) == is_read_task
        assert ("If-None-Match" in parameters) == is_read_task


def test_the_request_it_was_made_in_does_not_show(app: Flask) -> None:
    headers = {"X-Request-Id": "somebodys-request", "Host": "internal.example.com"}
    with app.test_request_context(headers=headers):
        written = json.dumps(describe(app))
    assert "somebodys-request" not in written
    assert "internal.example.com" not in written
