"""Tasks, and how they are asked for, as marshmallow schemas; the OpenAPI document is made of them too."""

from collections.abc import Iterable
from datetime import datetime, time
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, post_load, pre_load, validate, validates_schema

from todo_service.api.fields import (
    PRIORITIES,
    PRIORITY_NAMES,
    CommaSeparated,
    Due,
    LocalTimestamp,
    PageLimit,
    Priority,
    StrictBoolean,
    Timestamp,
    Title,
    absent,
)
from todo_service.api.schemas import Input, Output, Parameters
from todo_service.db.transactions import AnyRow
from todo_service.models import TaskRow, due
from todo_service.tasks.tags import MOST_SOUGHT, MOST_TAGS, TAG_ITEM, TagFilter, Tags, split

SERVER_OWNED = ("id", "user_id", "created_at", "updated_at", "completed_at", "revision", "position")


class EchoedInput(Input):
    """What may come with members the server owns, because clients send back what they got: ignored."""

    @pre_load
    def drop_server_owned(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, dict):  # a member of something else, and refused in a moment
            return data
        return {name: value for name, value in data.items() if name not in SERVER_OWNED}


class TaskMembers(Schema):
    """The members of a task, in the order in which they are shown."""

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
    due_date = Due(
        allow_none=True,
        metadata={
            "description": "When it is due: a moment; or a day, which is the same day everywhere.",
            "examples": ["2026-12-01T09:00:00Z", "2026-12-01"],
        },
    )
    tags = Tags(
        metadata={
            "description": "Trimmed; of two that differ in case alone, the first counts.",
            "maxItems": MOST_TAGS,
            "items": TAG_ITEM,
            "examples": [["home"]],
        }
    )
    position = fields.String(
        dump_only=True,
        metadata={
            "description": "Where it stands in the order by hand: sorts by code point, top first.",
            "examples": ["7fffffffffffffd5i"],
        },
    )
    created_at = Timestamp(dump_only=True, metadata={"examples": ["2026-11-21T05:00:00.123456Z"]})
    updated_at = Timestamp(
        dump_only=True,
        metadata={"description": "When it last changed.", "examples": ["2026-11-21T05:00:00.123456Z"]},
    )
    revision = fields.Integer(
        dump_only=True,
        metadata={"description": "The user's write that last changed the task; its ETag.", "examples": [42]},
    )


MEMBERS = tuple(TaskMembers().fields)


class TaskSchema(Output, TaskMembers):
    """A task."""

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """What marshmallow would make of rows of tasks, ten times as fast, and moments left to the JSON
        writer. Nine of ten bytes that the service sends pass here."""
        several = self.many if many is None else many
        return serialize_tasks(obj) if several else serialize_tasks([obj])[0]


def serialize_tasks(tasks: Iterable[AnyRow | TaskRow]) -> list[dict[str, Any]]:
    """Rows of tasks as `TaskSchema` serializes them; further columns are left out."""
    serialized = []
    for row in tasks:
        task = dict(zip(MEMBERS, row, strict=False))
        task["priority"] = PRIORITY_NAMES[task["priority"]]
        task["due_date"] = due(row)
        task["tags"] = split(row.tags) if row.tags else []
        serialized.append(task)
    return serialized


class TaskInput(EchoedInput, TaskMembers):
    """A task. Members the server owns may be sent back; they are ignored."""

    tags = Tags(allow_none=True, metadata=TaskMembers().fields["tags"].metadata)

    @post_load
    def keep_day(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """A day is its midnight inside, and known for a day by `due_day`."""
        if "due_date" in data:
            when = data["due_date"]
            is_moment = when is None or isinstance(when, datetime)
            data["due_day"] = None if is_moment else datetime.combine(when, time())
            data["due_date"] = data["due_day"] or when
        if "tags" in data:
            data["tags"] = data["tags"] or ""  # null clears, and is none
        return data


class CompletionInput(EchoedInput):
    """Whether the task is to be done or not."""

    completed = StrictBoolean(required=True, metadata={"examples": [True]})


class Destination(Input):
    """Where to: before or after another task, or to the top or bottom. Exactly one of these."""

    constraints: ClassVar[dict[str, int]] = {"minProperties": 1, "maxProperties": 1}

    before = fields.String(metadata={"format": "uuid", "description": "The task to stand above."})
    after = fields.String(metadata={"format": "uuid", "description": "The task to stand below."})
    to = fields.String(validate=validate.OneOf(("top", "bottom")), metadata={"examples": ["top"]})

    @validates_schema
    def require_one(self, data: dict[str, Any], **_: Any) -> None:
        if len(data.keys() & {"before", "after", "to"}) != 1:
            raise ValidationError("Exactly one of before, after and to must be sent.", "body")


class MoveInput(EchoedInput, Destination):
    """Where to: before or after another task, or to the top or bottom. Exactly one of these."""


class ListParameters(Parameters):
    """Which tasks, in which order, and which page of them."""

    status = fields.String(
        load_default="all",
        validate=validate.OneOf(("all", "pending", "completed")),
        metadata={"description": "Only tasks that are still to be done, or only those that are."},
    )
    sort = CommaSeparated(
        ("created", "updated", "title", "due_date", "priority", "position"),
        load_default=lambda: ["created"],
        metadata={
            "description": "Sort keys, the weightiest first; `position` is the order by hand. Tasks without "
            "a value come last.",
            "default": ["created"],
        },
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
        load_default=absent,
        metadata={"description": "Only tasks of these priorities; `none` for tasks without one."},
    )
    tag = TagFilter(
        load_default=absent,
        metadata={
            "description": "Only tasks that have any of these tags, whatever the case.",
            "items": TAG_ITEM,
            "maxItems": MOST_SOUGHT,
        },
    )
    due_after = LocalTimestamp(
        load_default=absent,
        metadata={
            "description": "Only tasks that are due then or later. Days are compared with the date and time "
            "as they stand here, their offset left out."
        },
    )
    due_before = LocalTimestamp(
        load_default=absent,
        metadata={"description": "Only tasks that are due earlier; days likewise."},
    )
    q = fields.String(
        load_default=str,
        validate=[validate.Length(max=200), validate.ContainsNoneOf("\0", error="NUL is not allowed.")],
        metadata={
            "description": "Words that must all occur in title or description, also as a part of a longer "
            "word, whatever the case, the accents and the form (NFC, NFD, full width)."
        },
    )
    limit = PageLimit()
    cursor = fields.String(
        load_default=absent,
        metadata={"description": "Where the page begins: follow the `Link` of the page before it."},
    )
    count = fields.Boolean(
        load_default=False,
        truthy={"true"},
        falsy={"false"},
        error_messages={"invalid": "Must be true or false."},
        metadata={"description": "Whether to say in `X-Total-Count` how many tasks all pages hold."},
    )


class ClearParameters(Parameters):
    """Which tasks to delete: so far, those that are completed."""

    status = fields.String(
        required=True,
        validate=validate.OneOf(("completed",)),
        metadata={"description": "Must be said, so that nothing is deleted by mistake."},
    )


class ClearedSchema(Output):
    """How many tasks are gone."""

    deleted = fields.Integer(metadata={"examples": [12]})


class TagSchema(Output):
    """A tag, and how many tasks have it."""

    tag = fields.String(metadata={"examples": ["home"]})
    tasks = fields.Integer(metadata={"examples": [3]})
    pending = fields.Integer(metadata={"description": "Of these, still to be done.", "examples": [2]})
