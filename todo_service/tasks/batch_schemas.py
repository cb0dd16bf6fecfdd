"""The batch, as marshmallow schemas: operations in, results out (contract §6)."""

from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validate

from todo_service.api.fields import StrictBoolean, Union, absent, discriminator
from todo_service.api.schemas import Input, Output
from todo_service.tasks.queries import UUID
from todo_service.tasks.schemas import Destination, TaskInput, TaskSchema


def is_uuid(value: str) -> None:
    if not UUID.fullmatch(value):
        raise ValidationError("Must be a UUID.")


class CreateOperationInput(Input):
    """Create a task."""

    op = discriminator("create")
    id = fields.String(
        load_default=absent,
        validate=is_uuid,
        metadata={"format": "uuid", "description": "Made by the client; else the server makes one."},
    )
    task = fields.Nested(TaskInput, required=True)


class ChangeOperationInput(Input):
    """What every operation on a task that exists says."""

    id = fields.String(required=True, metadata={"examples": ["019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"]})
    if_match = fields.Integer(
        strict=True,
        allow_none=True,
        load_default=absent,
        metadata={"description": "The revision the task must have."},
    )


class UpdateOperationInput(ChangeOperationInput):
    """Change what is sent of a task."""

    op = discriminator("update")
    task = fields.Nested(TaskInput(partial=True), required=True)


class CompleteOperationInput(ChangeOperationInput):
    """Complete or reopen a task."""

    op = discriminator("complete")
    completed = StrictBoolean(required=True, metadata={"examples": [True]})


class MoveOperationInput(ChangeOperationInput, Destination):
    """Move a task in the order by hand: exactly one of `before`, `after` and `to`."""

    constraints: ClassVar[dict[str, int]] = {"minProperties": 3, "maxProperties": 4}

    op = discriminator("move")


class DeleteOperationInput(ChangeOperationInput):
    """Delete a task."""

    op = discriminator("delete")


OPERATIONS: dict[str, Schema] = {
    "create": CreateOperationInput(),
    "update": UpdateOperationInput(),
    "complete": CompleteOperationInput(),
    "move": MoveOperationInput(),
    "delete": DeleteOperationInput(),
}


def load_operation(raw: Any) -> dict[str, Any]:
    """Check one operation of a batch by the schema of its kind.

    Raises:
        ValidationError: it is no object, of no known kind, or not as its kind must be.
    """
    if not isinstance(raw, dict):
        raise ValidationError({"operation": ["Must be an object."]})
    op = raw.get("op")
    schema = OPERATIONS.get(op) if isinstance(op, str) else None
    if schema is None:
        raise ValidationError({"op": [f"Must be one of: {', '.join(OPERATIONS)}."]})
    return dict(schema.load(raw))


class BatchInput(Input):
    """Operations to be done in order, all or none of them."""

    operations = fields.List(
        Union("Operation", "op", OPERATIONS, allow_none=True),  # each is checked when it is its turn
        required=True,
        validate=validate.Length(1, 100, error="Must be 1 to 100 operations."),
    )


class ResultSchema(Output):
    """What came of one operation."""

    status = fields.Integer(metadata={"enum": [200, 201, 204], "examples": [201]})
    task = fields.Nested(TaskSchema, metadata={"optional": True, "description": "But for a delete."})


class BatchResultSchema(Output):
    """What came of each operation, in their order."""

    results = fields.List(fields.Nested(ResultSchema))
