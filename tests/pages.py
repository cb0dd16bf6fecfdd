"""Following a list from page to page."""

import re
from collections.abc import Iterator
from typing import Any

from werkzeug.test import TestResponse

from tests.people import Person, body


def next_page(answer: TestResponse) -> str | None:
    """Where `Link` leads, if there is a next page."""
    link = answer.headers.get("Link")
    if link is None:
        return None
    match = re.fullmatch('<(.+)>; rel="next"', link)
    assert match
    return match[1]


def pages(person: Person, path: str) -> Iterator[list[dict[str, Any]]]:
    """The pages of a list, each asked for when it is needed."""
    following: str | None = path
    while following:
        answer = person.get(following)
        assert answer.status_code == 200, answer.text
        yield body(answer)
        following = next_page(answer)


def walked(person: Person, path: str) -> list[dict[str, Any]]:
    """The tasks of all pages, in their order."""
    return [task for page in pages(person, path) for task in page]
