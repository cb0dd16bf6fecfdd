"""The change feed, as marshmallow schemas: from where on, and what has changed (contract §6)."""

from marshmallow import fields

from todo_service.api.fields import PageLimit, Timestamp, Union, absent, discriminator
from todo_service.api.schemas import Output, Parameters
from todo_service.tasks.schemas import TaskSchema


class ChangesParameters(Parameters):
    """From where on, and how many changes at once."""

    since = fields.String(
        load_default=absent,
        metadata={"description": "The `token` of the last answer; without it, everything there is."},
    )
    limit = PageLimit()


class UpsertSchema(Output):
    """A task that is new or has changed, as it now is."""

    type = discriminator("upsert")
    task = fields.Nested(TaskSchema)


class DeletionSchema(Output):
    """A task that is gone."""

    type = discriminator("delete")
    id = fields.UUID(metadata={"examples": ["019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"]})
    deleted_at = Timestamp(metadata={"examples": ["2026-11-30T18:20:00Z"]})


class ChangesSchema(Output):
    """What has changed, oldest change first; each task once, as it now is."""

    changes = fields.List(Union("Change", "type", {"upsert": UpsertSchema(), "delete": DeletionSchema()}))
    token = fields.String(
        metadata={"description": "What to send as `since` next time.", "examples": ["WzQyXQ.q7c2"]}
    )
    has_more = fields.Boolean(metadata={"description": "Whether to ask again at once.", "examples": [False]})
