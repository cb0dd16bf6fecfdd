"""Rows of tasks are shown as marshmallow would show them."""

from datetime import datetime, time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema

from todo_service.api.json_response import json_bytes
from todo_service.models import TaskRow
from todo_service.tasks.schemas import TaskSchema

moments = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31))  # noqa: DTZ001  # UTC
moments_only = st.builds(
    TaskRow,
    id=st.uuids().map(str),
    user_id=st.text(max_size=20),
    title=st.text(max_size=200),
    description=st.none() | st.text(max_size=50),
    completed=st.booleans(),
    completed_at=st.none() | moments,
    priority=st.none() | st.integers(1, 3),
    due_date=st.none() | moments,
    created_at=moments,
    updated_at=moments,
    revision=st.integers(0, 2**63 - 1),
    due_day=st.none() | moments,
)


def on_a_day(row: TaskRow) -> TaskRow:
    midnight = datetime.combine(row.created_at, time())
    return row._replace(due_date=midnight, due_day=midnight)


rows = moments_only | moments_only.map(on_a_day)


def as_marshmallow(schema: TaskSchema, shown: Any) -> bytes:
    return json_bytes(Schema.dump(schema, shown))


@given(rows)
def test_a_row_is_shown_as_marshmallow_shows_it(row: TaskRow) -> None:
    assert json_bytes(TaskSchema().dump(row)) == as_marshmallow(TaskSchema(), row)


@given(st.lists(rows, max_size=3))
def test_many_rows_are_shown_as_marshmallow_shows_them(several: list[TaskRow]) -> None:
    assert json_bytes(TaskSchema(many=True).dump(several)) == as_marshmallow(TaskSchema(many=True), several)
