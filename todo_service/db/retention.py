"""Retention: removing what is no longer promised, old stored responses and old deletions."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, select, tuple_, update

from todo_service.db.transactions import USER, execute, fetch, transaction
from todo_service.models import Deletion, StoredResponse, User

BATCH = 500  # rows in one transaction: locks are short, and requests go on between two

RAISE_PRUNED_THROUGH = (
    update(User)
    .where(User.id == USER, User.pruned_through < bindparam("to"))
    .values(pruned_through=bindparam("to"))
)


def prune_responses(before: datetime) -> int:
    """Remove stored answers made `before` then; return how many."""
    key = (StoredResponse.user_id, StoredResponse.endpoint, StoredResponse.key)
    old = select(*key).where(StoredResponse.created_at < before).limit(BATCH)
    removed = 0
    for rows in batches(old):
        with transaction() as connection:
            execute(delete(StoredResponse).where(tuple_(*key).in_(rows)))
            connection.commit()
        removed += len(rows)
    return removed


def prune_deletions(before: datetime) -> int:
    """Remove deletions made `before` then; return how many.

    Each user's row remembers up to which revision deletions are pruned: a device that has not heard
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
        with transaction() as connection:
            for user_id, revision in fetch(newest):
                execute(RAISE_PRUNED_THROUGH, user=user_id, to=revision)
            execute(delete(Deletion).where(chosen, Deletion.deleted_at < before))
            connection.commit()
        removed += len(rows)
    return removed


def batches(old: Select[*tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """The keys that `old` finds, as long as it finds any."""
    while rows := fetch(old):
        yield [tuple(row) for row in rows]
