"""Kinds of values as marshmallow fields: how each is read from a request and written into an answer."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from marshmallow import ValidationError, fields, validate

from todo_service.wire import UNSTORABLE

# RFC 3339, and what browsers' date inputs leave out of it: seconds, the offset, the time.
TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))?)?"
)
PRIORITIES = ("low", "medium", "high")  # 1, 2 and 3 inside, where they have to sort
NAMES = {None: None} | dict(enumerate(PRIORITIES, start=1))


def parse_timestamp(text: str) -> datetime:
    """Read a timestamp of contract §1 into UTC, without a zone; digits past the microsecond are cut.

    Raises:
        ValueError: not such a timestamp, or no such day or time.
        OverflowError: in UTC it lies outside the years 1 to 9999.
    """
    match = TIMESTAMP.fullmatch(text)
    if not match:
        raise ValueError("not a timestamp")
    *numbers, fraction, sign, hours, minutes = match.groups(default="0")
    year, month, day, hour, minute, second = map(int, numbers)
    if int(hours) > 23 or int(minutes) > 59:
        raise ValueError("no such offset")
    offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    microsecond = int(fraction[:6].ljust(6, "0"))
    local = datetime(year, month, day, hour, minute, second, microsecond, timezone(offset))
    return local.astimezone(UTC).replace(tzinfo=None)


class Timestamp(fields.Field[datetime]):
    """A point in time; in as contract §1 allows, out in UTC with `Z`."""

    default_error_messages = {  # noqa: RUF012  # marshmallow declares it so
        "invalid": "Not a valid timestamp, such as 2026-12-01T09:00:00Z.",
        "range": "In UTC this lies outside the years 1 to 9999.",
    }

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return f"{value.isoformat()}Z" if value else None

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> datetime:
        try:
            return parse_timestamp(value)
        except (TypeError, ValueError):
            raise self.make_error("invalid") from None
        except OverflowError:
            raise self.make_error("range") from None


class StrictBoolean(fields.Boolean):
    """JSON's `true` and `false` and nothing else."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Title(fields.String):
    """A string without the white space around it."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        return str(super()._deserialize(value, attr, data, **kwargs)).strip()


class CommaSeparated(fields.Field[list[str]]):
    """One or more of `choices`, each at most once, separated by commas."""

    def __init__(self, choices: tuple[str, ...], *, distinct: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.choices, self.distinct = choices, distinct

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> list[str]:
        parts = str(value).split(",")
        if not set(parts) <= set(self.choices):
            raise ValidationError(f"Must be one or more of: {', '.join(self.choices)}, separated by commas.")
        if self.distinct and len(parts) != len(set(parts)):
            raise ValidationError("Must not name anything twice.")
        return parts


class Priority(fields.String):
    """A name outside, a number inside."""

    def _serialize(  # type: ignore[override]  # marshmallow has it take text
        self, value: int | None, attr: str | None, obj: Any, **kwargs: Any
    ) -> str | None:
        return NAMES[value]

    def _deserialize(  # type: ignore[override]  # marshmallow has it return text
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        name = validate.OneOf(PRIORITIES)(super()._deserialize(value, attr, data, **kwargs))
        return PRIORITIES.index(name) + 1


def absent() -> None:
    """The `load_default` of what may be left out but is never null; a bare None would make null valid."""


class Flag(fields.Boolean):
    """A parameter that is `true` or `false`."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> bool:
        if value not in ("true", "false"):
            raise ValidationError("Must be true or false.")
        return bool(value == "true")


class Limit(fields.Integer):
    """How much to answer with at once: 1 to 1000."""

    def __init__(self) -> None:
        most = {"description": "How many to answer with at most."}
        super().__init__(load_default=1000, validate=validate.Range(1, 1000), metadata=most)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        if not re.fullmatch("[0-9]{1,9}", value):  # int() takes signs, spaces and other scripts' digits
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Words(fields.String):
    """Words to look for."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        if UNSTORABLE.search(value):
            raise ValidationError("NUL is not allowed.")
        return str(super()._deserialize(value, attr, data, **kwargs))
