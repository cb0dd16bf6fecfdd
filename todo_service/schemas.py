"""What goes in and out, as marshmallow schemas; the OpenAPI document is made of them too."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, pre_load, validate

from todo_service.config import VERSION
from todo_service.wire import UNSTORABLE

# RFC 3339, and what browsers' date inputs leave out of it: seconds, the offset, the time.
TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))?)?"
)
PRIORITIES = ("low", "medium", "high")  # 1, 2 and 3 inside, where they have to sort
NAMES = {None: None} | dict(enumerate(PRIORITIES, start=1))
SERVER_OWNED = ("id", "user_id", "created_at", "updated_at", "completed_at", "revision")


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


class Strict(Schema):
    """Refuses what it does not know: to drop it in silence would lose data."""

    class Meta:
        unknown = RAISE


class SentBack(Strict):
    """What may come with members the server owns, because clients send back what they got: ignored."""

    @pre_load
    def drop_server_owned(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, dict):  # a member of something else, and refused in a moment
            return data
        return {name: value for name, value in data.items() if name not in SERVER_OWNED}


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


class TaskSchema(SentBack):
    """A task. Members the server owns may be sent back; they are ignored."""

    id = fields.UUID(
        dump_only=True,
        metadata={
            "description": "Sorts by time of creation.",
            "examples": ["019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"],
        },
    )
    user_id = fields.String(dump_only=True, metadata={"examples": ["mXr2Kq0vT8bN5cLw3eYhZ1uJ7sPd9aGf"]})
    title = Title(
        required=True,
        validate=validate.Length(1, 200),
        metadata={
            "description": "White space around it is trimmed.",
            "pattern": r"[^\s\x1c-\x1f\x85]",  # the dialects' `\s` lack what Python trims besides
            "examples": ["Pay rent"],
        },
    )
    description = fields.String(
        allow_none=True,
        validate=validate.Length(max=1000),
        metadata={"examples": ["The landlord's account has changed."]},
    )
    completed = StrictBoolean(metadata={"examples": [False]})
    completed_at = Timestamp(
        dump_only=True,
        allow_none=True,
        metadata={
            "description": "When it was completed; null while it is pending.",
            "examples": [None, "2026-11-30T18:20:00Z"],
        },
    )
    priority = Priority(allow_none=True, metadata={"enum": [*PRIORITIES, None], "examples": ["high"]})
    due_date = Timestamp(allow_none=True, metadata={"examples": ["2026-12-01T09:00:00Z"]})
    created_at = Timestamp(dump_only=True, metadata={"examples": ["2026-11-21T05:00:00.123456Z"]})
    updated_at = Timestamp(
        dump_only=True,
        metadata={
            "description": "When it last changed.",
            "examples": ["2026-11-21T05:00:00.123456Z"],
        },
    )
    revision = fields.Integer(
        dump_only=True,
        metadata={
            "description": "The user's write that last changed the task; its ETag.",
            "examples": [42],
        },
    )

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """What marshmallow would make of rows of tasks, ten times as fast, and moments left to the JSON
        writer. Nine of ten bytes that the service sends pass here."""
        several = self.many if many is None else many
        return shown(obj) if several else shown([obj])[0]


def shown(tasks: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Rows of tasks as they are shown; further columns are left out. Spelled out, because a loop over names
    would take twice as long."""
    return [
        {
            "id": task_id,
            "user_id": user_id,
            "title": title,
            "description": description,
            "completed": completed,
            "completed_at": completed_at,
            "priority": NAMES[priority],
            "due_date": due_date,
            "created_at": created_at,
            "updated_at": updated_at,
            "revision": revision,
        }
        for (
            task_id,
            user_id,
            title,
            description,
            completed,
            completed_at,
            priority,
            due_date,
            created_at,
            updated_at,
            revision,
            *_,
        ) in tasks
    ]


class CompletionSchema(SentBack):
    """Whether the task is to be done or not."""

    completed = StrictBoolean(required=True, metadata={"examples": [True]})


class Parameters(Strict):
    """Parameters of a query."""

    error_messages = {"unknown": "Unknown parameter."}  # noqa: RUF012  # marshmallow declares it so


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


class ListParameters(Parameters):
    """Which tasks, in which order, and which page of them."""

    status = fields.String(
        load_default="all",
        validate=validate.OneOf(("all", "pending", "completed")),
        metadata={"description": "Only tasks that are still to be done, or only those that are."},
    )
    sort = CommaSeparated(
        ("created", "updated", "title", "due_date", "priority"),
        load_default=lambda: ["created"],
        metadata={"description": "Sort keys, the weightiest first. Tasks without a value come last."},
    )
    order = CommaSeparated(
        ("asc", "desc"),
        distinct=False,
        load_default=list,
        metadata={
            "description": "The direction of each sort key, no more than there are keys. Without: newest "
            "first, A to Z, soonest first, high priority first."
        },
    )
    priority = CommaSeparated(
        (*PRIORITIES, "none"),
        load_default=None,
        metadata={"description": "Only tasks of these priorities; `none` for tasks without one."},
    )
    due_after = Timestamp(
        load_default=None, metadata={"description": "Only tasks that are due then or later."}
    )
    due_before = Timestamp(load_default=None, metadata={"description": "Only tasks that are due earlier."})
    q = Words(
        load_default="",
        validate=validate.Length(max=200),
        metadata={
            "description": "Words that must all occur in title or description, also as a part of a longer "
            "word and in whatever case."
        },
    )
    limit = Limit()
    cursor = fields.String(
        load_default=None,
        metadata={"description": "Where the page begins: follow the `Link` of the page before it."},
    )
    count = Flag(
        load_default=False,
        metadata={"description": "Whether to say in `X-Total-Count` how many tasks all pages hold."},
    )


class ClearParameters(Parameters):
    """Which tasks to delete: so far, those that are completed."""

    status = fields.String(
        required=True,
        validate=validate.OneOf(("completed",)),
        metadata={"description": "Must be said, so that nothing is deleted by mistake."},
    )


class ClearedSchema(Schema):
    """How many tasks are gone."""

    deleted = fields.Integer(metadata={"examples": [12]})


class ChangesParameters(Parameters):
    """From where on, and how many changes at once."""

    since = fields.String(
        load_default=None,
        metadata={"description": "The `token` of the last answer; without it, everything there is."},
    )
    limit = Limit()


class NoParameters(Parameters):
    """No query parameter at all."""


class ChangeSchema(Schema):
    """A task as it now is, or that it is gone."""

    type = fields.String(metadata={"enum": ["upsert", "delete"], "examples": ["upsert"]})
    task = fields.Nested(TaskSchema, metadata={"optional": True, "description": "Of an upsert."})
    id = fields.String(metadata={"optional": True, "description": "Of a delete."})
    deleted_at = Timestamp(metadata={"optional": True, "description": "Of a delete."})


class ChangesSchema(Schema):
    """What has changed, oldest change first; each task once, as it now is."""

    changes = fields.List(fields.Nested(ChangeSchema))
    token = fields.String(
        metadata={"description": "What to send as `since` next time.", "examples": ["WzQyXQ.q7c2"]}
    )
    has_more = fields.Boolean(metadata={"description": "Whether to ask again at once.", "examples": [False]})


class CreateOperation(Strict):
    """Create a task."""

    op = fields.Constant("create", required=True)
    task = fields.Nested(TaskSchema, required=True)


class ChangeOperation(Strict):
    """What every operation on a task that exists says."""

    id = fields.String(required=True, metadata={"examples": ["019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"]})
    if_match = fields.Integer(
        strict=True, load_default=None, metadata={"description": "The revision the task must have."}
    )


class UpdateOperation(ChangeOperation):
    """Change what is sent of a task."""

    op = fields.Constant("update", required=True)
    task = fields.Nested(TaskSchema(partial=True), required=True)


class CompleteOperation(ChangeOperation):
    """Complete or reopen a task."""

    op = fields.Constant("complete", required=True)
    completed = StrictBoolean(required=True, metadata={"examples": [True]})


class DeleteOperation(ChangeOperation):
    """Delete a task."""

    op = fields.Constant("delete", required=True)


OPERATIONS: dict[str, Schema] = {
    "create": CreateOperation(),
    "update": UpdateOperation(),
    "complete": CompleteOperation(),
    "delete": DeleteOperation(),
}


class Operations(fields.Field[list[Any]]):
    """1 to 100 operations. Each is checked when it is its turn, since the first that fails decides."""

    most = 100

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> list[Any]:
        if not isinstance(value, list) or not 1 <= len(value) <= self.most:
            raise ValidationError(f"Must be a list of 1 to {self.most} operations.")
        return value


def load_operation(raw: Any) -> dict[str, Any]:
    """Check one operation of a batch by the schema of its kind.

    Raises:
        ValidationError: it is no object, of no known kind, or not as its kind must be.
    """
    if not isinstance(raw, dict):
        raise ValidationError({"operation": ["Must be an object."]})
    kind = raw.get("op")
    schema = OPERATIONS.get(kind) if isinstance(kind, str) else None
    if schema is None:
        raise ValidationError({"op": [f"Must be one of: {', '.join(OPERATIONS)}."]})
    loaded: dict[str, Any] = schema.load(raw)
    return loaded


class BatchSchema(Strict):
    """Operations to be done in order, all or none of them."""

    operations = Operations(required=True)


class ResultSchema(Schema):
    """What came of one operation."""

    status = fields.Integer(metadata={"enum": [200, 201, 204], "examples": [201]})
    task = fields.Nested(TaskSchema, metadata={"optional": True, "description": "But for a delete."})


class BatchResultSchema(Schema):
    """What came of each operation, in their order."""

    results = fields.List(fields.Nested(ResultSchema))


class CountsSchema(Schema):
    """How many tasks there are."""

    total = fields.Integer(metadata={"examples": [12]})
    pending = fields.Integer(metadata={"examples": [9]})
    completed = fields.Integer(metadata={"examples": [3]})
    overdue = fields.Integer(metadata={"description": "Pending and past due.", "examples": [1]})


class AccountSchema(Schema):
    """What is held of a user; nulls and zeros before the first write."""

    user_id = fields.String(metadata={"examples": ["mXr2Kq0vT8bN5cLw3eYhZ1uJ7sPd9aGf"]})
    email = fields.String(allow_none=True, metadata={"examples": ["ada@example.com"]})
    name = fields.String(allow_none=True, metadata={"examples": ["Ada Lovelace"]})
    created_at = Timestamp(
        allow_none=True,
        metadata={"description": "When the first task was written.", "examples": ["2026-11-21T05:00:00Z"]},
    )
    tasks = fields.Nested(CountsSchema)


class ExportParameters(Parameters):
    """In which form."""

    format = fields.String(
        load_default="json",
        validate=validate.OneOf(("json", "csv", "ics")),
        metadata={"description": "JSON, CSV for spreadsheets, or iCalendar."},
    )


class ExportSchema(Schema):
    """Everything that is held of a user."""

    account = fields.Nested(AccountSchema)
    tasks = fields.List(fields.Nested(TaskSchema))


class EraseSchema(Strict):
    """The confirmation that everything is to go."""

    confirm = fields.String(
        required=True, validate=validate.Equal("erase"), metadata={"enum": ["erase"], "examples": ["erase"]}
    )


class LinksSchema(Schema):
    """Where things are."""

    tasks = fields.String(metadata={"examples": ["/api/tasks"]})
    health = fields.String(metadata={"examples": ["/health"]})
    ready = fields.String(metadata={"examples": ["/health/ready"]})
    openapi = fields.String(metadata={"examples": ["/openapi.json"]})
    docs = fields.String(metadata={"examples": ["/docs"]})


class IndexSchema(Schema):
    """What this is, and where to go from here."""

    name = fields.String(metadata={"examples": ["todo-service"]})
    version = fields.String(metadata={"examples": [VERSION]})
    links = fields.Nested(LinksSchema)


class HealthSchema(Schema):
    """How the service is."""

    status = fields.String(metadata={"enum": ["healthy", "ready"], "examples": ["healthy"]})


class ProblemSchema(Schema):
    """Why a request was refused (RFC 9457); the same shape for every error."""

    type = fields.String(metadata={"description": "Always `about:blank`: `code` tells errors apart."})
    title = fields.String(metadata={"description": "The status in words."})
    status = fields.Integer(metadata={"description": "The HTTP status.", "minimum": 400, "maximum": 599})
    code = fields.String(metadata={"description": "A stable name to switch on."})
    detail = fields.String(metadata={"description": "One sentence that can be shown to the user."})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={
            "description": "Messages by field or parameter, of a batch by index; where any are at fault.",
            "optional": True,
        },
    )
    current = fields.Nested(
        TaskSchema,
        metadata={"description": "The task as it is, where a precondition failed.", "optional": True},
    )
    request_id = fields.String(metadata={"description": "What to quote when asking for help; X-Request-Id."})
