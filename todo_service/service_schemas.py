"""What stands around the tasks, as marshmallow schemas: the account, the service itself, problems."""

from marshmallow import fields, validate

from todo_service.config import VERSION
from todo_service.fields import Timestamp
from todo_service.schemas import Input, Output, Parameters, TaskSchema


class CountsSchema(Output):
    """How many tasks there are."""

    total = fields.Integer(metadata={"examples": [12]})
    pending = fields.Integer(metadata={"examples": [9]})
    completed = fields.Integer(metadata={"examples": [3]})
    overdue = fields.Integer(metadata={"description": "Pending and past due.", "examples": [1]})


class AccountSchema(Output):
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


class LinksSchema(Output):
    """Where things are."""

    tasks = fields.String(metadata={"examples": ["/api/tasks"]})
    health = fields.String(metadata={"examples": ["/health"]})
    ready = fields.String(metadata={"examples": ["/health/ready"]})
    openapi = fields.String(metadata={"examples": ["/openapi.json"]})
    docs = fields.String(metadata={"examples": ["/docs"]})


class IndexSchema(Output):
    """What this is, and where to go from here."""

    name = fields.String(metadata={"examples": ["todo-service"]})
    version = fields.String(metadata={"examples": [VERSION]})
    links = fields.Nested(LinksSchema)


class HealthSchema(Output):
    """How the service is."""

    status = fields.String(metadata={"enum": ["healthy", "ready"], "examples": ["healthy"]})


class ProblemSchema(Output):
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
