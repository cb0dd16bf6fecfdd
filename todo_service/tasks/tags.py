"""Tags: kept as they are sent, compared by full case folding (contract §3).

A task's row holds them as lines of text, and folded once more for the filter: neither can hold a line's end.
"""

import re
from typing import Any

from marshmallow import ValidationError, fields

from todo_service.api.fields import CommaSeparated

MOST_TAGS = 20
MOST_SOUGHT = 50  # in one list
LONGEST_TAG = 50  # characters
# What JSON Schema says of one that is trimmed: no commas, no control characters, not white space alone.
TAG_ITEM = {
    "type": "string",
    "maxLength": LONGEST_TAG,
    "pattern": r"^[^,\x00-\x1f\x7f-\x9f]*[^,\s\x00-\x1f\x7f-\x9f][^,\x00-\x1f\x7f-\x9f]*$",
}
UNFIT = re.compile(r"[,\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # commas, control characters, no characters at all


class Tags(fields.Field[str]):
    """An array of texts outside, lines of text inside; of two that agree but for case the first counts."""

    def _serialize(self, value: str | None, *args: Any, **kwargs: Any) -> list[str]:
        return split(value or "")

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if not isinstance(value, list) or len(value) > MOST_TAGS:
            raise ValidationError(f"Must be an array of at most {MOST_TAGS} tags.")
        first: dict[str, str] = {}
        for tag in map(parse, value):
            first.setdefault(tag.casefold(), tag)
        return "\n".join(first.values())


class TagFilter(CommaSeparated):
    """Tags that are looked for, folded: separated by commas, or the parameter repeated."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__((), distinct=False, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[str]:
        tags = {parse(tag).casefold() for tag in str(value).split(",")}
        if len(tags) > MOST_SOUGHT:
            raise ValidationError(f"Must be at most {MOST_SOUGHT} tags.")
        return sorted(tags)


def parse(tag: object) -> str:
    """A tag without the white space around it.

    Raises:
        ValidationError: it is none.
    """
    trimmed = tag.strip() if isinstance(tag, str) else ""
    if not 0 < len(trimmed) <= LONGEST_TAG or UNFIT.search(trimmed):
        raise ValidationError(
            f"Each tag must be a text of 1 to {LONGEST_TAG} characters without commas and control characters."
        )
    return trimmed


def split(tags: str) -> list[str]:
    """The tags of a task's row."""
    return tags.split("\n") if tags else []


def tag_keys(tags: str) -> str:
    """What a row is filtered by: its tags folded, each between line ends."""
    return f"\n{tags.casefold()}\n" if tags else ""
