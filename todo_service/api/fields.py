"""Kinds of values as marshmallow fields: how each is read from a request and written into an answer."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from todo_service.models import due, to_utc

# Characters that JSON can spell and databases or UTF-8 cannot hold.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

# RFC 3339, and what browsers' date inputs leave out of it: seconds, the offset, the time. Of the days that do
# not exist it lets only a 29 February pass. In the dialect that Python and JavaScript share, for the OpenAPI
# document.
TIMESTAMP = re.compile(
    "^(?!0000|.{5}(02-3|(0[469]|11)-31))[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    "([Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:([0-5][0-9]|60)([.][0-9]+)?)?"
    "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?)?$"
)
PRIORITIES = ("low", "medium", "high")  # 1, 2 and 3 inside, where they have to sort
PRIORITY_NAMES = {None: None} | dict(enumerate(PRIORITIES, start=1))


def parse_local(text: str) -> datetime:
    """Read a timestamp of contract §1 as its own clock shows it: in a zone; for UTC without one.

    Digits past the microsecond are cut. A leap second is the second before, on a clock that is a second late.

    Raises:
        ValueError: not such a timestamp, or no such day.
    """
    if not TIMESTAMP.fullmatch(text):
        raise ValueError("not a timestamp")
    is_leap = text[16:19] == ":60"
    clock = datetime.fromisoformat((f"{text[:16]}:59{text[19:]}" if is_leap else text).upper())
    ahead = (clock.utcoffset() or timedelta()) - timedelta(seconds=is_leap)
    return clock.replace(tzinfo=timezone(ahead) if ahead else None)


def parse_timestamp(text: str) -> datetime:
    """The same in UTC, without a zone.

    Raises:
        OverflowError: in UTC it lies outside the years 1 to 9999.
    """
    return to_utc(parse_local(text))


class Timestamp(fields.Field[date]):
    """A point in time; in as contract §1 allows, out in UTC with `Z`."""

    default_error_messages = {  # noqa: RUF012  # marshmallow declares it so
        "invalid": "Not a valid date or timestamp, such as 2026-12-01 or 2026-12-01T09:00:00Z.",
        "range": "In UTC this lies outside the years 1 to 9999.",
    }

    def _serialize(self, value: date | None, *args: Any, **kwargs: Any) -> str | None:
        return f"{value.isoformat()}{'Z' if isinstance(value, datetime) else ''}" if value else None

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> date:
        try:
            return self.parse(value)
        except (TypeError, ValueError):
            raise self.make_error("invalid") from None
        except OverflowError:
            raise self.make_error("range") from None

    def parse(self, text: str) -> date:
        return parse_timestamp(text)


class LocalTimestamp(Timestamp):
    """A point in time and, if it came with an offset, what the clock there shows."""

    def parse(self, text: str) -> date:
        super().parse(text)  # in UTC it must lie within the years 1 to 9999, too
        return parse_local(text)


class Due(Timestamp):
    """A `datetime` or, if it came without a time, a `date`: no zone ever moves that (contract §3)."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return super()._serialize(due(obj))

    def parse(self, text: str) -> date:
        moment = parse_timestamp(text)
        return moment.date() if len(text) == len("2026-12-01") else moment


class StrictBoolean(fields.Boolean):
    """JSON's `true` and `false` and nothing else."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Title(fields.String):
    """A string without the white space around it."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return str(super()._deserialize(value, *args, **kwargs)).strip()


class CommaSeparated(fields.Field[list[str]]):
    """One or more of `choices`, each at most once: separated by commas, or the parameter repeated."""

    def __init__(self, choices: tuple[str, ...], *, distinct: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.choices, self.distinct = choices, distinct

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[str]:
        parts = str(value).split(",")
        if not set(parts) <= set(self.choices):
            raise ValidationError(f"Must be one or more of: {', '.join(self.choices)}, separated by commas.")
        if self.distinct and len(parts) != len(set(parts)):
            raise ValidationError("Must not name anything twice.")
        return parts


class Union(fields.Field[Any]):
    """An object of one of several kinds, told apart by the member `by`; what comes in is left as it is.

    Args:
        title: what the union is called in the OpenAPI document.
        kinds: each one's schema by the member's value.
    """

    def __init__(self, title: str, by: str, kinds: Mapping[str, Schema], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.title, self.by, self.kinds = title, by, kinds

    def _serialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return self.kinds[value[self.by]].dump(value)


def discriminator(name: str) -> fields.String:
    """The member by which the kinds of a union are told apart."""
    return fields.String(required=True, validate=validate.Equal(name), metadata={"examples": [name]})


class Priority(fields.String):
    """A name outside, a number inside."""

    def _serialize(self, value: Any, *args: Any, **kwargs: Any) -> str | None:
        return PRIORITY_NAMES[value]

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        name = validate.OneOf(PRIORITIES)(super()._deserialize(value, *args, **kwargs))
        return PRIORITIES.index(name) + 1


class PageLimit(fields.Integer):
    """How much to answer with at once: 1 to 1000."""

    def __init__(self) -> None:
        most = {"description": "How many to answer with at most."}
        super().__init__(load_default=1000, validate=validate.Range(1, 1000), metadata=most)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not re.fullmatch("[0-9]{1,9}", value):  # int() takes signs, spaces and other scripts' digits
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, *args, **kwargs)


def absent() -> None:
    """The `load_default` of what may be left out but is never null; a bare None would make null valid."""
