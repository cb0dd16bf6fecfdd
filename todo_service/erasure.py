"""Forgetting a user for good, without a trace but one number that is nobody's."""

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite

from todo_service.extensions import db
from todo_service.models import Erasure, User
from todo_service.turns import turn


def erase(user_id: str) -> bool:
    """Delete every row of the user's; return whether there was any.

    A later life of the user begins behind the highest revision that any erased account had (see
    `revisions.py`), so that no ETag of this life ever matches again. Sync tokens name their life.
    """
    gone = delete(User).where(User.id == user_id).returning(User.revision)
    with turn():
        revision = db.session.scalar(gone)  # waits for the user's writes; tasks and all else go with the row
        if revision is None:
            return False
        dialect = postgresql if db.engine.dialect.name == "postgresql" else sqlite
        note = dialect.insert(Erasure).values(id=1, revision=revision)
        is_higher = Erasure.revision < note.excluded.revision
        db.session.execute(
            note.on_conflict_do_update(
                index_elements=[Erasure.id], set_={"revision": note.excluded.revision}, where=is_higher
            )
        )
        db.session.commit()
    return True
