"""What can be done with the current user's tasks. Nothing here can reach anybody else's."""

import re
from functools import cache
from typing import Any, NoReturn

from sqlalchemy import BigInteger, bindparam, case, delete, exists, insert, null, select, update

from todo_service.auth import caller
from todo_service.errors import Problem
from todo_service.listing import REVISION
from todo_service.models import SHOWN, Deletion, Moment, Task, TaskRow
from todo_service.revisions import RAISE_AGAIN, current_write, this_write
from todo_service.statements import USER, Statement

Fields = dict[str, Any]

UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

IS_MINE = (Task.user_id == USER, Task.id == bindparam("task"))
READ = Statement(select(*SHOWN).where(*IS_MINE))
READ_TO_WRITE = Statement(select(*SHOWN, REVISION).where(*IS_MINE))
INSERT = Statement(insert(Task))
DELETE = Statement(delete(Task).where(*IS_MINE).returning(*SHOWN))
EXISTS = Statement(select(exists().where(Task.id == bindparam("task"))))

RAISED = RAISE_AGAIN.cte("raised")
INSERT_AT_ONCE = Statement(
    insert(Task)
    .from_select(
        list(Task.__table__.c),
        select(
            *(
                RAISED.c.revision if column.key == "revision" else bindparam(column.key, type_=column.type)
                for column in Task.__table__.c
            )
        ).select_from(RAISED),
    )
    .returning(Task.revision)
)
# A toggle that had to wait for its task's deletion raises the counter in vain, which nobody can tell from
# a change that was undone.
RAISED_IF_MINE = RAISE_AGAIN.where(exists().where(*IS_MINE)).cte("raised")
TOGGLE_AT_ONCE = Statement(
    update(Task)
    .where(*IS_MINE)
    .values(
        completed=~Task.completed,
        completed_at=case((Task.completed, null()), else_=bindparam("now", type_=Moment())),
        updated_at=bindparam("now", type_=Moment()),
        revision=RAISED_IF_MINE.c.revision,
    )
    .returning(*SHOWN)
)

WAS_MINE = (Deletion.user_id == USER, Deletion.task_id == bindparam("task"))
NOTE_DELETION = Statement(insert(Deletion))
FORGET_DELETION = Statement(delete(Deletion).where(*WAS_MINE))

MY_COMPLETED = (Task.user_id == USER, Task.completed)
NOTE_COMPLETED = Statement(
    insert(Deletion).from_select(
        ["user_id", "task_id", "revision", "deleted_at"],
        select(
            Task.user_id, Task.id, bindparam("write", type_=BigInteger), bindparam("now", type_=Moment())
        ).where(*MY_COMPLETED),
    )
)
DELETE_COMPLETED = Statement(delete(Task).where(*MY_COMPLETED))


def own_task(id: str) -> TaskRow:
    """The current user's task of this id.

    Raises:
        Problem: 403 if it is somebody else's, 404 if there is none.
    """
    return own_task_or_none(id) or refuse(id)


def own_task_or_none(id: str) -> TaskRow | None:
    """The same, where a task that is not there is no reason to refuse."""
    mine = my(id)
    write = current_write()
    if not write:
        row = READ.row(**mine)
        return TaskRow._make(row) if row else None
    write.begin_with_next()
    row = READ_TO_WRITE.row(**mine)
    if not row:
        return None
    *task, revision = row
    write.learn(revision)
    return TaskRow._make(task)


def my(id: str) -> dict[str, str]:
    """What picks one task of the current user's.

    Raises:
        Problem: 404, the id is none; no statement is spent on it.
    """
    if not UUID.fullmatch(id):
        raise missing()
    return {"user": caller().id, "task": id.lower()}


def refuse(id: str) -> NoReturn:
    """Say why the current user has no such task: the one question that is asked across users."""
    if EXISTS.value(task=id.lower()):
        raise Problem(403, "forbidden", "Not authorized to access this task")
    raise missing()


def missing() -> Problem:
    return Problem(404, "not_found", "Task not found")


def create(id: str, fields: Fields) -> TaskRow:
    """Insert a task of the current user's; `id` must be free."""
    task = drawn_up(id, fields)._replace(revision=this_write().next_revision())
    INSERT.run(**task._asdict() | sought(task))
    return task


def create_at_once(id: str, fields: Fields) -> TaskRow:
    """The same as all that is written: in one round trip, if that can be."""
    task = drawn_up(id, fields)
    row = this_write().at_once(INSERT_AT_ONCE, **task._asdict() | sought(task))
    return task._replace(revision=row[0]) if row else create(id, fields)


def drawn_up(id: str, fields: Fields) -> TaskRow:
    """A new task as it is to be stored, but for its revision."""
    moment = this_write().moment
    return TaskRow(
        id=id,
        user_id=caller().id,
        title=fields["title"],
        description=fields.get("description"),
        completed=fields.get("completed", False),
        completed_at=moment if fields.get("completed") else None,
        priority=fields.get("priority"),
        due_date=fields.get("due_date"),
        created_at=moment,
        updated_at=moment,
        revision=0,
    )


def toggle_at_once(id: str) -> TaskRow | None:
    """Complete or reopen a task as all that is written, in one round trip; None if that cannot be, or there
    is no such task."""
    row = this_write().at_once(TOGGLE_AT_ONCE, **my(id))
    return TaskRow._make(row) if row else None


def change(task: TaskRow, fields: Fields) -> TaskRow:
    """Write what differs, if anything does, and return the task as it then is."""
    changes = {name: value for name, value in fields.items() if getattr(task, name) != value}
    if not changes:
        return task
    write = this_write()
    if "completed" in changes:
        changes["completed_at"] = write.moment if changes["completed"] else None
    changes |= {"updated_at": write.moment, "revision": write.next_revision()}
    changed = task._replace(**changes)
    if "title" in changes or "description" in changes:
        changes |= sought(changed)
    update_of(*changes).run(user=task.user_id, task=task.id, **changes)
    return changed


@cache
def update_of(*columns: str) -> Statement:
    """The statement that sets these columns of a task; there are not many such sets."""
    return Statement(update(Task).where(*IS_MINE), columns)


def sought(task: TaskRow) -> dict[str, str]:
    """What is stored of a task for finding it: by its title's order, and by its words."""
    return {
        "title_key": task.title.casefold(),
        "search_text": f"{task.title}\n{task.description or ''}".casefold(),
    }


def remove(id: str) -> TaskRow:
    """Delete a task and note that it was; return what it was. Raises as `own_task` does."""
    mine, write = my(id), this_write()
    write.begin()
    gone = TaskRow._make(DELETE.row(**mine) or refuse(id))
    NOTE_DELETION.run(
        user_id=gone.user_id,
        task_id=gone.id,
        revision=write.next_revision(),
        deleted_at=write.moment,
    )
    return gone


def forget_deletion(id: str) -> None:
    """Let a task come back under its id: it and its deletion never stand side by side."""
    FORGET_DELETION.run(**my(id))


def remove_completed() -> int:
    """Delete the user's completed tasks as one change; return how many there were."""
    write = this_write()
    NOTE_COMPLETED.run(user=caller().id, write=write.revision, now=write.moment)
    gone = DELETE_COMPLETED.count(user=caller().id)
    if gone:
        write.next_revision()
    return gone
