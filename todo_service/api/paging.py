"""Keyset pagination: each page goes on where the one before it ended, whatever was written meanwhile.

A page is not counted from the start; it begins behind a given row. What lies behind a row in an order by
several keys is a handful of *segments*: the rest of the rows that agree with it in all keys but the last,
then the rest of those that agree in all but the last two, and so on. Each segment is one range of an index
on these keys, so page 1,000 costs what page 1 costs. Rows without a value make segments of their own,
behind the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, true
from sqlalchemy.orm import InstrumentedAttribute


@dataclass(frozen=True)
class Key:
    """A column to order by."""

    column: InstrumentedAttribute[Any]
    descending: bool

    @property
    def ordered(self) -> ColumnElement[Any]:
        return self.column.desc() if self.descending else self.column.asc()

    @property
    def ordered_nulls_last(self) -> ColumnElement[Any]:
        return self.ordered.nulls_last() if self.column.nullable else self.ordered

    def equals(self, value: Any) -> ColumnElement[bool]:
        return self.column.is_(None) if value is None else self.column == value

    def beyond(self, value: Any) -> ColumnElement[bool]:
        beyond: ColumnElement[bool] = self.column < value if self.descending else self.column > value
        return beyond


@dataclass(frozen=True)
class Segment:
    """The rows that meet `condition`, in the order of `keys`; of the first key all have a value, or none."""

    condition: ColumnElement[bool]
    keys: Sequence[Key]

    def select(self, rows: Select[Any], limit: Any) -> Select[Any]:
        first, *others = self.keys
        ordering = [first.ordered, *(key.ordered_nulls_last for key in others)]
        return rows.where(self.condition).order_by(*ordering).limit(limit)


def segments(keys: Sequence[Key], after: Sequence[Any] | None) -> list[Segment]:
    """The segments behind the row whose keys have the values `after`, nearest first; without, all rows."""
    if after is None:
        return first_segments(true(), keys)
    behind: list[Segment] = []
    for depth in reversed(range(len(keys))):
        agree = and_(true(), *(key.equals(value) for key, value in zip(keys[:depth], after, strict=False)))
        key, value = keys[depth], after[depth]
        if value is None:  # nothing lies behind what has no value
            continue
        behind.append(Segment(agree & key.beyond(value), keys[depth:]))
        if key.column.nullable:
            behind.append(null_segment(agree, keys[depth:]))
    return behind


def first_segments(condition: ColumnElement[bool], keys: Sequence[Key]) -> list[Segment]:
    if not keys[0].column.nullable:
        return [Segment(condition, keys)]
    return [Segment(condition & keys[0].column.is_not(None), keys), null_segment(condition, keys)]


def null_segment(condition: ColumnElement[bool], keys: Sequence[Key]) -> Segment:
    """The rows without a value of the first key; named in the order all the same, as the index has it."""
    return Segment(condition & keys[0].column.is_(None), [Key(keys[0].column, descending=False), *keys[1:]])


def pages(
    rows: Select[Any], keys: Sequence[Key], after: Sequence[Any] | None, limit: Any
) -> list[Select[Any]]:
    """Selects that give, one after the other, the next of `rows` behind the row whose keys have the values
    `after`: each at most `limit`. All these may be parameters; None is no value.

    UNION ALL gives its parts in their order, and reads none that its own limit does not reach.
    """
    return [segment.select(rows, limit) for segment in segments(keys, after)]
