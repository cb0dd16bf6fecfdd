"""Erasure: deleting all that is held of a user, without a trace but one number that is nobody's."""

from sqlalchemy import delete, text

from todo_service.db.transactions import USER, execute, fetch_value, transaction
from todo_service.models import User

# Waits for the user's writes; tasks and all else go with the row.
DELETE_USER = delete(User).where(User.id == USER).returning(User.revision)
RECORD_ERASURE = text(
    """
    INSERT INTO erasures (id, revision) VALUES (1, :revision)
    ON CONFLICT (id) DO UPDATE SET revision = excluded.revision
        WHERE erasures.revision < excluded.revision
    """
)


def erase(user_id: str) -> bool:
    """Delete every row of the user's; return whether there was any.

    A later incarnation of the user begins behind the highest revision that any erased account had (see
    `revisions.py`), so that no ETag of this one ever matches again. Sync tokens name theirs.
    """
    with transaction() as connection:
        revision = fetch_value(DELETE_USER, user=user_id)
        if revision is None:
            return False
        execute(RECORD_ERASURE, revision=revision)
        connection.commit()
    return True
