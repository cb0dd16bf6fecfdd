"""The OpenAPI document tells of every refusal, and shows it as it really is said."""

import json
from functools import partial

from flask import Flask
from flask.testing import FlaskClient
from psycopg2.errors import LockNotAvailable
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from tests.conftest import MakeApp
from tests.faults import engine_of, statements_fail
from tests.openapi_document import (
    ID,
    JSON,
    NEW,
    STALE,
    check_headers,
    check_refusal,
    described_answer,
    operations,
    parameters,
    request_example,
)
from tests.people import Person, body


def sample(document: JSON, path: str, method: str) -> JSON | None:
    """A body to send; None where there is none."""
    has_body = "requestBody" in document["paths"][path][method]
    return request_example(document, path, method) if has_body else None


CREATE_DELETED = {"op": "create", "id": ID, "task": {"title": "x"}}


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


def test_a_task_that_is_missing_or_somebody_elses_is_a_described_refusal(
    document: JSON, client: FlaskClient, ada: Person
) -> None:
    bobs = Person(client, "bob").adds()["id"]
    for path, method, _ in operations(document):
        if "{id}" in path:
            for task, status in ((bobs, 403), (ID, 404)):
                answer = ada.call(method, path.format(id=task), json=sample(document, path, method))
                assert answer.status_code == status
                check_refusal(document, path, method, answer)


def test_all_that_needs_the_database_may_be_unavailable_and_nothing_else(
    document: JSON, make_app: MakeApp
) -> None:
    ada = Person(make_app(DATABASE_URL="postgresql://todo@127.0.0.1:1/todo").test_client(), "ada")
    for path, method, operation in operations(document):
        if "503" not in operation["responses"]:
            answer = ada.call(method, path.format(asset="start.js"), buffered=True)
            assert answer.status_code == 200
            continue
        example = None if method == "get" else {"title": "Pay rent", "completed": True}
        answer = ada.call(method, path.format(id=ID), json=example)
        assert answer.status_code == 503
        check_refusal(document, path, method, answer)


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


def test_every_operation_that_takes_if_match_heeds_it_and_no_other_does(document: JSON, ada: Person) -> None:
    heeding = set()
    for path, method, operation in operations(document):
        if "If-Match" in parameters(operation, "header"):
            heeding.add(operation["operationId"])
            task = ada.adds()
            sent = sample(document, path, method)
            answer = ada.call(method, path.format(id=task["id"]), json=sent, headers=STALE)
            assert (answer.status_code, body(answer)["current"]) == (412, task)
            check_refusal(document, path, method, answer)
        else:
            assert "412" not in operation["responses"] or operation["operationId"] == "run_batch"
    assert heeding == {"update_task", "patch_task", "complete_task", "move_task", "delete_task"}


def test_a_put_that_creates_is_described(document: JSON, ada: Person) -> None:
    put = document["paths"]["/api/tasks/{id}"]["put"]
    assert "`*`" in parameters(put, "header")["If-None-Match"]["description"]
    created, again = (ada.put(f"/api/tasks/{ID}", json={"title": "Pay rent"}, headers=NEW) for _ in range(2))
    assert (created.status_code, again.status_code) == (201, 412)
    check_headers(document, put["responses"]["201"], created)
    check_refusal(document, "/api/tasks/{id}", "put", again)


def test_every_write_to_tasks_heeds_an_idempotency_key_and_nothing_else_does(
    document: JSON, app: Flask, ada: Person
) -> None:
    ada.put(f"/api/tasks/{ID}", json={"title": "Pay rent"}, headers=NEW)
    heeding = set()
    for path, method, operation in operations(document):
        if "Idempotency-Key" not in parameters(operation, "header"):
            assert operation["responses"].keys().isdisjoint({"409", "422"})
            continue
        heeding.add(operation["operationId"])
        sent = sample(document, path, method)
        task = ID if operation["operationId"] == "run_batch" else ada.adds()["id"]
        query = "?status=completed" if parameters(operation, "query") else ""
        call = partial(ada.call, method, path.format(id=task) + query, headers={"Idempotency-Key": "k"})
        answers = [call(json=sent), call(json=sent)]
        for answer in answers:
            check_headers(document, described_answer(document, path, method, answer), answer)
        assert answers[0].data == answers[1].data
        assert answers[1].headers["Idempotency-Replayed"] == "true"
        with statements_fail(app, OperationalError("", {}, LockNotAvailable()), "users"):
            refused = {409: call(json=sent)}
        if sent:
            refused[422] = call(data=f"{json.dumps(sent)} ", content_type="application/json")
        for status, answer in refused.items():
            assert answer.status_code == status
            check_refusal(document, path, method, answer)
    writes = {
        operation["operationId"]
        for path, method, operation in operations(document)
        if path.startswith("/api/tasks") and method != "get"
    }
    assert heeding == writes


def outdated(app: Flask, ada: Person) -> TestResponse:
    """The answer to a token from before a deletion that is not kept any more."""
    task = ada.adds()
    token = body(ada.get("/api/tasks/changes"))["token"]
    ada.delete(f"/api/tasks/{task['id']}")
    with app.app_context(), engine_of(app).connect() as connection:
        connection.exec_driver_sql("UPDATE deletions SET deleted_at = '2020-01-01 00:00:00.000000'")
    app.test_cli_runner().invoke(args=["prune"])
    return ada.get(f"/api/tasks/changes?since={token}")


def test_a_resource_that_is_gone_is_a_described_refusal(document: JSON, app: Flask, ada: Person) -> None:
    gone = {
        ("/api/tasks/changes", "get"): outdated(app, ada),
        ("/api/tasks/{id}", "put"): deleted(ada),
        ("/api/tasks/batch", "post"): ada.post("/api/tasks/batch", json={"operations": [CREATE_DELETED]}),
    }
    for (path, method), answer in gone.items():
        assert answer.status_code == 410
        check_refusal(document, path, method, answer)
    described = {(path, method) for path, method, one in operations(document) if "410" in one["responses"]}
    assert described == gone.keys()


def deleted(ada: Person) -> TestResponse:
    """The answer to who creates a task once more that was deleted."""
    path, new = f"/api/tasks/{ID}", {"json": {"title": "x"}, "headers": NEW}
    ada.put(path, **new)
    ada.delete(path)
    return ada.put(path, **new)


def test_the_examples_of_refusals_are_what_is_really_said(
    document: JSON, app: Flask, client: FlaskClient, ada: Person
) -> None:
    bob = Person(client, "bob")
    bobs = bob.adds()["id"]
    bobs_token = body(bob.get("/api/tasks/changes"))["token"]
    key = {"Idempotency-Key": "k"}
    ada.post(json={"title": "Pay rent"}, headers=key)
    said = [
        ("BadRequest", ada.post(json={})),
        ("Unauthorized", client.get("/api/tasks")),
        ("Forbidden", ada.get(f"/api/tasks/{bobs}")),
        ("NotFound", ada.get(f"/api/tasks/{ID}")),
        ("Gone", outdated(app, ada)),
        ("Gone", deleted(ada)),
        ("PreconditionFailed", ada.put(f"/api/tasks/{ada.adds()['id']}", json={}, headers=STALE)),
        ("ContentTooLarge", ada.post(json={"title": "x" * 300_000})),
        ("UnsupportedMediaType", ada.post(data="title=x", content_type="text/plain")),
        ("UnprocessableContent", ada.post(json={"title": "Pay"}, headers=key)),
    ]
    bob.delete("/api/account", json={"confirm": "erase"})
    said.append(("Gone", bob.get(f"/api/tasks/changes?since={bobs_token}")))
    own = {"request_id", "current"}
    for name, answer in said:
        content = document["components"]["responses"][name]["content"]["application/problem+json"]
        example = content["examples"][body(answer)["code"]]["value"]
        assert without(own, example) == without(own, body(answer))
        assert example.keys() == body(answer).keys()


def without(names: set[str], members: JSON) -> JSON:
    return {name: value for name, value in members.items() if name not in names}
