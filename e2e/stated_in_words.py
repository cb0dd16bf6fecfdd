"""The rules that JSON Schema cannot state and the OpenAPI document therefore states in words."""

import re
from typing import Any

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData

# How they are refused. Each joins several parts of a request, ties it to an answer from before, or limits
# even those members of a body that are ignored.
REFUSALS = {
    "order: Names more directions than sort has keys.",
    "before: Not a task of yours.",
    "after: Not a task of yours.",
    "cursor: Not a cursor of this list with these filters and this order.",
    "since: Not a token of this user's changes.",
    "body: Exactly one of before, after and to must be sent.",
    "body: A member's name is longer than 100 characters.",
    "body: An object has more than 100 members.",
    "body: The body is nested deeper than 32 levels.",
}
OPERATION = re.compile(r"Operation \d+: ")  # of a batch: which one is refused
UNTITLED = "title: Missing data for required field."  # of a PUT that is to create


@schemathesis.hook
def filter_failure(_context: Any, failure: Any, case: Any, answer: Any) -> bool:
    """Whether the failure is one: no request is valid that breaks such a rule, and any text may be a tag."""
    if isinstance(failure, AcceptedNegativeData):
        return "/properties/tag/" not in failure.message
    if not isinstance(failure, RejectedPositiveData) or answer.status_code != 400:
        return True
    detail = OPERATION.sub("", answer.json()["detail"])
    creates = case.method == "PUT" and case.headers.get("If-None-Match") == "*"
    return detail not in REFUSALS and not (creates and detail == UNTITLED)
