"""The batch, as marshmallow schemas: operations in, results out (contract §6)."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields

from todo_service.fields import StrictBoolean
from todo_service.schemas import Strict, TaskSchema


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
