"""The OpenAPI document in the hands of tests: where things are in it, and whether answers are as it says."""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from werkzeug.test import TestResponse

JSON = dict[str, Any]

ID = "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"
NEW = {"If-None-Match": "*"}
STALE = {"If-Match": '"0"'}


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


def check_headers(document: JSON, described: JSON, answer: TestResponse) -> None:
    """An answer has every header field it must have, and none of its own that is not described."""
    fields = {name: resolved(document, one) for name, one in described["headers"].items()}
    assert {name for name, one in fields.items() if one["required"]} <= set(answer.headers.keys())
    assert set(answer.headers.keys()) & set(document["components"]["headers"]) <= set(fields)


def check_refusal(document: JSON, path: str, method: str, answer: TestResponse) -> None:
    assert answer.status_code >= 400
    refusal = described_answer(document, path, method, answer)
    schema = refusal["content"][answer.mimetype]["schema"]
    validator(document, schema).validate(answer.json)
    check_headers(document, refusal, answer)


def resolved(document: JSON, described: JSON) -> JSON:
    kind, _, name = described.get("$ref", "").removeprefix("#/components/").partition("/")
    return dict(document["components"][kind][name]) if name else described
