"""What a request may carry (contract §1): strict JSON, nothing unknown, nothing too large."""

import json

import pytest

from tests.people import Person, body
from todo_service.api.json_body import MAX_BODY, MAX_DEPTH

JSON = "application/json"

DEEP = b'{"title": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    "sent",
    [
        b"{",
        b"{]",
        b'{"title": "x",}',
        b"{'title': 'x'}",
        b'{"title": "x"} {}',
        b'{"title": "x\n"}',
        b'{"title": NaN}',
        b'{"title": "x", "id": Infinity}',
        b'{"title": "x", "id": -Infinity}',
        b'{"title": "x", "id": ' + b"9" * 5000 + b"}",
        b'{"title": "x", "title": "x"}',
        b'{"title": "x", "id": {"a": 1, "a": 1}}',
        b'{"title": "\\ud800"}',
        b'{"title": "\\udc00\\ud800"}',
        b'{"title": "x", "\\ud800": 1}',
        b'{"title": "x", "id": [{"a": "\\ud800"}]}',
        b'{"title": "a\\u0000b"}',
        b'{"title": "x", "description": "\\u0000"}',
        b'{"title": "x", "a\\u0000": 1}',
        b'{"title": "\xff"}',
        b'{"title": "\xed\xa0\x80"}',
        '{"title": "x"}'.encode("utf-16"),
        '{"title": "x"}'.encode("utf-32"),
        b'\xef\xbb\xbf{"title": "x"}',
        b"",
        b" ",
        b"null",
        b"true",
        b"5",
        b'"title"',
        b'[{"title": "x"}]',
        b'{"title": "x", "id": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
        b'{"title": "x", "id": ' + b'{"a":' * 500 + b"1" + b"}" * 500 + b"}",
        DEEP,
    ],
)
def test_broken_or_ambiguous_json_is_refused_with_400(ada: Person, sent: bytes) -> None:
    task = ada.adds("untouched")
    path = f"/api/tasks/{task['id']}"
    answers = [ada.post(data=sent, content_type=JSON), ada.put(path, data=sent, content_type=JSON)]
    if sent:  # without a body complete toggles
        answers.append(ada.patch(f"{path}/complete", data=sent, content_type=JSON))
    for answer in answers:
        assert answer.status_code == 400, answer.text
        assert body(answer)["code"] == "validation_error"
        assert body(answer)["errors"]
    assert ada.get().json == [task]


@pytest.mark.parametrize(
    "sent", [{f"m{n}": 1 for n in range(101)}, {"x" * 101: 1}, {"title": "x", "id": {"y" * 101: 1}}]
)
def test_more_or_longer_members_than_any_object_has_are_refused(ada: Person, sent: dict[str, object]) -> None:
    answer = ada.post(json=sent)
    assert answer.status_code == 400
    assert list(body(answer)["errors"]) == ["body"]


def test_a_coded_body_is_refused_with_415(ada: Person) -> None:
    for coding in ("gzip", "br", "identity, gzip"):
        answer = ada.post(json={"title": "x"}, headers={"Content-Encoding": coding})
        assert answer.status_code == 415, coding
    assert ada.post(json={"title": "x"}, headers={"Content-Encoding": "identity"}).status_code == 201


def test_a_duplicate_or_unstorable_member_is_named(ada: Person) -> None:
    twice = ada.post(data=b'{"title": "a", "title": "b"}', content_type=JSON)
    assert list(body(twice)["errors"]) == ["title"]
    null = ada.post(data=b'{"title": "a", "description": "\\u0000"}', content_type=JSON)
    assert list(body(null)["errors"]) == ["description"]


def test_nesting_up_to_the_limit_is_read(ada: Person) -> None:
    levels = MAX_DEPTH - 1
    sent = b'{"title": "x", "id": ' + b"[" * levels + b"]" * levels + b"}"
    assert ada.post(data=sent, content_type=JSON).status_code == 201


def test_escaped_pairs_and_escaped_backslashes_are_ordinary_text(ada: Person) -> None:
    sent = b'{"title": "\\ud834\\udd1e", "description": "\\\\u0000 \\\\ud800"}'
    task = body(ada.post(data=sent, content_type=JSON))
    assert (task["title"], task["description"]) == ("𝄞", "\\u0000 \\ud800")


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json", "text/json"],
)
def test_a_body_that_is_not_declared_as_json_is_refused_with_415(ada: Person, kind: str) -> None:
    path = f"/api/tasks/{ada.adds()['id']}"
    sent = b'{"title": "x"}'
    for answer in (
        ada.post(data=sent, content_type=kind),
        ada.put(path, data=sent, content_type=kind),
        ada.patch(f"{path}/complete", data=b'{"completed": true}', content_type=kind),
    ):
        assert answer.status_code == 415, answer.text
        assert body(answer)["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", "application/vnd.todo+json"]
)
def test_json_by_any_of_its_names_is_taken(ada: Person, kind: str) -> None:
    assert ada.post(data=b'{"title": "x"}', content_type=kind).status_code == 201


def test_a_body_over_256_kib_is_refused_with_413(ada: Person) -> None:
    path = f"/api/tasks/{ada.adds()['id']}"
    padding = MAX_BODY - len(b'{"title": ""}')
    fits = json.dumps({"title": " " * padding}).encode()
    assert len(fits) == MAX_BODY
    assert ada.post(data=fits, content_type=JSON).status_code == 400
    large = fits + b" "
    for answer in (
        ada.post(data=large, content_type=JSON),
        ada.put(path, data=large, content_type=JSON),
        ada.patch(f"{path}/complete", data=large, content_type=JSON),
    ):
        assert answer.status_code == 413
        assert body(answer)["code"] == "payload_too_large"


def test_bodies_that_nobody_asked_for_are_left_alone(ada: Person) -> None:
    path = f"/api/tasks/{ada.adds()['id']}"
    assert ada.get(path, data=b"{", content_type=JSON).status_code == 200
    assert ada.get(data=b"\xff", content_type="text/plain").status_code == 200
    assert ada.delete(path, data=b"{", content_type=JSON).status_code == 204


@pytest.mark.parametrize(
    "query", ["x=1", "status=pending", "limit=5", "user_id=bob", "a%00=1", "=1", "%F0=1"]
)
def test_parameters_that_an_endpoint_does_not_know_are_refused(ada: Person, query: str) -> None:
    task = ada.adds()
    path = f"/api/tasks/{task['id']}"
    for answer in (
        ada.post(f"/api/tasks?{query}", json={"title": "x"}),
        ada.get(f"{path}?{query}"),
        ada.put(f"{path}?{query}", json={"title": "x"}),
        ada.patch(f"{path}/complete?{query}"),
        ada.delete(f"{path}?{query}"),
    ):
        assert answer.status_code == 400, answer.text
        assert body(answer)["errors"]
    assert ada.get().json == [task]


def test_every_fault_of_a_query_is_named_at_once(ada: Person) -> None:
    errors = body(ada.get("/api/tasks?z=1&y=2&status=q&status=w&sort=zz"))["errors"]
    assert list(errors) == ["sort", "status", "y", "z"]
    assert errors["z"] == ["Unknown parameter."]


def test_an_empty_parameter_counts_as_absent(ada: Person) -> None:
    path = f"/api/tasks/{ada.adds()['id']}"
    assert ada.get(f"{path}?").status_code == 200
    assert ada.get("/api/tasks?status=&sort=&order=").status_code == 200
    assert ada.get("/api/tasks?status=&status=pending").status_code == 200
