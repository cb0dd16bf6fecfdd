"""Forgetting what is no longer promised: old answers to idempotent writes, and old deletions."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, select, tuple_, update

from todo_service.extensions import db
from todo_service.models import Deletion, StoredResponse, User
from todo_service.turns import turn

BATCH = 500  # rows in one transaction: locks are short, and requests go on between two


def prune_responses(before: datetime) -> int:
    """Remove stored answers made `before` then; return how many."""
    key = (StoredResponse.user_id, StoredResponse.endpoint, StoredResponse.key)
    old = select(*key).where(StoredResponse.created_at < before).limit(BATCH)
    removed = 0
    for rows in batches(old):
        with turn():
            db.session.execute(delete(StoredResponse).where(tuple_(*key).in_(rows)))
            db.session.commit()
        removed += len(rows)
    return removed


def prune_deletions(before: datetime) -> int:
    """Remove deletions made `before` then; return how many.

    Each user's row remembers up to which revision deletions are forgotten: a device that has not heard
    of them must start over.
    """
    key = (Deletion.user_id, Deletion.task_id)
    old = select(*key).where(Deletion.deleted_at < before).limit(BATCH)
    removed = 0
    for rows in batches(old):
        chosen = tuple_(*key).in_(rows)
        newest = (
            select(Deletion.user_id, func.max(Deletion.revision))
            .where(chosen)
            .group_by(Deletion.user_id)
            .order_by(Deletion.user_id)  # everybody who locks several users does so in one order
        )
        with turn():
            for user_id, revision in db.session.execute(newest).all():
                behind = (User.id == user_id, User.forgotten < revision)
                db.session.execute(update(User).where(*behind).values(forgotten=revision))
            db.session.execute(delete(Deletion).where(chosen, Deletion.deleted_at < before))
            db.session.commit()
        removed += len(rows)
    return removed


def batches(old: Select[*tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """The keys that `old` finds, as long as it finds any."""
    while rows := [tuple(row) for row in db.session.execute(old)]:
        yield rows
