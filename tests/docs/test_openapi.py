"""The OpenAPI document: complete, valid, and true to what the service answers (contract §7)."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from tests.conftest import MakeApp
from tests.openapi_document import (
    ID,
    JSON,
    NEW,
    check_headers,
    component,
    described_answer,
    operations,
    parameters,
    request_example,
    resolved,
    validator,
)
from tests.people import Person, body


def test_the_document_is_valid_openapi(document: JSON) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_the_document_is_revalidated_by_its_etag(client: FlaskClient) -> None:
    first = client.get("/openapi.json")
    again = client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert first.mimetype == "application/json"
    assert "no-cache" in first.headers["Cache-Control"]
    assert (again.status_code, again.data) == (304, b"")


def test_every_route_and_method_is_in_the_document(app: Flask, document: JSON) -> None:
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(path, method) for path, method, _ in operations(document)} == served


def test_every_operation_has_a_name_of_its_own_and_is_described(document: JSON) -> None:
    described = [operation for _, _, operation in operations(document)]
    names = [operation["operationId"] for operation in described]
    assert len(names) == len(set(names))
    assert all(operation["summary"] and operation["description"] for operation in described)
    assert {tag["name"] for tag in document["tags"]} == {tag for one in described for tag in one["tags"]}


def test_operations_under_api_need_the_token_and_no_others_do(document: JSON) -> None:
    for path, method, operation in operations(document):
        expected: list[JSON] = [{"bearer": []}] if path.startswith("/api/") else []
        assert operation["security"] == expected, (method, path)
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_every_example_is_valid_by_its_schema(document: JSON) -> None:
    found = list(media_types(document))
    assert found
    for media_type in found:
        for example in examples(media_type):
            validator(document, media_type["schema"]).validate(example)
    for schema in document["components"]["schemas"].values():
        for member in schema.get("properties", {}).values():
            for example in member.get("examples", []):
                validator(document, member).validate(example)


def test_json_comes_first_and_every_other_text_is_said_to_be_text(document: JSON) -> None:
    content = document["paths"]["/api/account/export"]["get"]["responses"]["200"]["content"]
    assert list(content) == ["application/json", "text/csv", "text/calendar"]  # clients read the first
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/Export"}
    assert content["text/csv"] == content["text/calendar"] == {"schema": {"type": "string"}}


def test_the_codes_of_problems_are_an_enumeration(document: JSON) -> None:
    code = document["components"]["schemas"]["Problem"]["properties"]["code"]
    refusals = media_types(document["components"]["responses"])
    shown = {problem["code"] for refusal in refusals for problem in examples(refusal)}
    assert shown
    assert shown < set(code["enum"])


@pytest.mark.parametrize(("union", "by"), [("Operation", "op"), ("Change", "type")])
def test_the_kinds_of_a_union_are_told_apart_by_a_member(document: JSON, union: str, by: str) -> None:
    described = document["components"]["schemas"][union]
    kinds = described["discriminator"]["mapping"]
    assert described["discriminator"]["propertyName"] == by
    assert [{"$ref": reference} for reference in kinds.values()] == described["oneOf"]
    for kind, reference in kinds.items():
        schema = resolved(document, {"$ref": reference})
        assert schema["properties"][by]["enum"] == [kind]
        assert by in schema["required"]


def examples(media_type: JSON) -> list[JSON]:
    """The only one, or those by their names."""
    one = [media_type["example"]] if "example" in media_type else []
    return one + [named["value"] for named in media_type.get("examples", {}).values()]


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
    kinds = document["components"]["schemas"]["Operation"]["discriminator"]["mapping"]
    assert [one["op"] for one in example["operations"]] == list(kinds)
    ada.put(f"/api/tasks/{ID}", json={"title": "Pay rent"}, headers=NEW)
    answer = ada.post("/api/tasks/batch", json=example)
    assert [one["status"] for one in body(answer)["results"]] == [201, 200, 200, 200, 204]
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
    members = schemas["TaskInput"]["properties"].items()
    ignored = {name for name, member in members if not {"type", "anyOf"} & set(member)}
    assert ignored == {*("id", "user_id", "created_at", "updated_at", "completed_at", "revision"), "position"}


def test_a_due_date_is_a_date_or_a_date_time_or_null(document: JSON) -> None:
    for schema in ("TaskInput", "TaskUpdate", "Task"):
        due_date = document["components"]["schemas"][schema]["properties"]["due_date"]
        kinds = [kind.get("format", kind["type"]) for kind in due_date["anyOf"]]
        assert [kind for kind in kinds if kind != "string"] == ["date", "date-time", "null"]
        assert "type" not in due_date


def test_the_body_of_complete_is_optional(document: JSON) -> None:
    assert document["paths"]["/api/tasks/{id}/complete"]["patch"]["requestBody"]["required"] is False
    assert document["paths"]["/api/tasks"]["post"]["requestBody"]["required"] is True


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


def test_the_first_request_for_the_document_does_not_show_in_it(make_app: MakeApp) -> None:
    headers = {"X-Request-Id": "somebodys-request", "Host": "internal.example.com"}
    written = make_app().test_client().get("/openapi.json", headers=headers).text
    assert "somebodys-request" not in written
    assert "internal.example.com" not in written
