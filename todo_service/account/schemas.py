"""The account, as marshmallow schemas."""

from marshmallow import fields, validate

from todo_service.api.fields import Timestamp
from todo_service.api.schemas import Input, Output, Parameters
from todo_service.tasks.schemas import TaskSchema


class CountsSchema(Output):
    """How many tasks there are."""

    total = fields.Integer(metadata={"examples": [12]})
    pending = fields.Integer(metadata={"examples": [9]})
    completed = fields.Integer(metadata={"examples": [3]})
    overdue = fields.Integer(
        metadata={"description": "Pending, and the moment or, in UTC, the day is over.", "examples": [1]}
    )


class AccountSchema(Output):
    """What is held of a user; before the first write what the token says, zeros and null."""

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


class ExportSchema(Output):
    """Everything that is held of a user."""

    account = fields.Nested(AccountSchema)
    tasks = fields.List(fields.Nested(TaskSchema))


class EraseInput(Input):
    """The confirmation that everything is to go."""

    confirm = fields.String(
        required=True,
        validate=validate.Equal("erase", error='Must be "erase".'),
        error_messages={"required": 'Send {{"confirm": "erase"}} to erase everything for good.'},
        metadata={"enum": ["erase"], "examples": ["erase"]},
    )
