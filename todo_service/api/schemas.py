"""What all schemas have in common: who sends it, and what becomes of members that are not known."""

from typing import ClassVar

from marshmallow import EXCLUDE, RAISE, Schema


class Input(Schema):
    """What a client sends. Refuses what it does not know: to drop it in silence would lose data."""

    constraints: ClassVar[dict[str, int]] = {}  # what JSON Schema says of the object as a whole, for the docs

    class Meta(Schema.Meta):
        unknown = RAISE


class Output(Schema):
    """What the service answers with; clients have to expect members that they do not know."""

    class Meta(Schema.Meta):
        unknown = EXCLUDE


class Parameters(Input):
    """Parameters of a query."""

    error_messages = {"unknown": "Unknown parameter."}  # noqa: RUF012  # marshmallow declares it so


class NoParameters(Parameters):
    """No query parameter at all."""
