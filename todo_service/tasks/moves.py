"""Moving a task in the order by hand (contract §6)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Integer, Select, bindparam, select

from todo_service.api.problems import invalid
from todo_service.auth.current_user import current_user
from todo_service.db.transactions import USER, fetch
from todo_service.models import TASK_COLUMNS, Task, TaskRow
from todo_service.tasks.positions import HIGHEST, LONGEST, LOWEST, NoRoom, bottom, spread, top
from todo_service.tasks.queries import UUID, change, own_task_or_none
from todo_service.writes.revisions import current_work

MINE = select(*TASK_COLUMNS).where(Task.user_id == USER).limit(bindparam("limit", type_=Integer))
ABOVE = MINE.where(Task.position < bindparam("position")).order_by(Task.position.desc())
BELOW = MINE.where(Task.position > bindparam("position")).order_by(Task.position)
UNPLACED = MINE.where(Task.position == bindparam("position")).order_by(Task.created_at, Task.id)

REACH = 16  # tasks on each side of a gap without room that are spread anew, if that is enough
ROOM = 36**4  # between two that were spread anew
ALL = 2**31


def move(task: TaskRow, where: dict[str, Any]) -> TaskRow:
    """Move a task to `where` a request says, and return it as it then is.

    Raises:
        Problem: 400, it names a neighbour that is no task of the current user's.
    """
    for unplaced in beside(UNPLACED, "", ALL):  # a version without an order by hand has made it
        change(unplaced, {"position": top(current_work().revision)})
    above, below = gap(where)
    if task.id in [row.id for row in (*above, *below)]:  # it is there already
        return task
    try:
        position = between(above, below)
    except NoRoom:
        return make_room(task, above[0].position, below[0].position)
    return change(task, {"position": position})


def gap(where: dict[str, Any]) -> tuple[Sequence[TaskRow], Sequence[TaskRow]]:
    """The tasks above and below which it is to stand; none at an end of the list."""
    if "before" in where:
        anchor = own_neighbour("before", where["before"])
        return beside(ABOVE, anchor.position, 1), [anchor]
    if "after" in where:
        anchor = own_neighbour("after", where["after"])
        return [anchor], beside(BELOW, anchor.position, 1)
    return ([], beside(BELOW, HIGHEST, 1)) if where["to"] == "top" else (beside(ABOVE, LOWEST, 1), [])


def own_neighbour(name: str, id: str) -> TaskRow:
    task = own_task_or_none(id) if UUID.fullmatch(id) else None
    if task is None:
        raise invalid({name: ["Not a task of yours."]})
    return task


def between(above: Sequence[TaskRow], below: Sequence[TaskRow]) -> str:
    """
    Raises:
        NoRoom: it would be longer than an index should hold.
    """
    if not above:
        return top(current_work().revision)
    if not below:
        return bottom(current_work().revision)
    return spread(above[0].position, below[0].position, 1, longest=LONGEST)[0]


def make_room(task: TaskRow, above: str, below: str) -> TaskRow:
    """Spread the neighbourhood of a gap anew, with the task in it; each that gets another position changes.

    As many tasks are spread as it takes to have room between them: all of them, if need be.
    """
    reach, positions = REACH, list[str]()
    while not positions:
        higher = [row for row in beside(ABOVE, below, reach + 2) if row.id != task.id]
        lower = [row for row in beside(BELOW, above, reach + 2) if row.id != task.id]
        rows = [*reversed(higher[:reach]), task, *lower[:reach]]
        high = higher[reach].position if len(higher) > reach else top(current_work().revision)
        low = lower[reach].position if len(lower) > reach else bottom(current_work().revision)
        try:
            positions = spread(high, low, len(rows), room=ROOM, longest=LONGEST // 2)
        except NoRoom:
            reach *= 4
    changed = {row.id: change(row, {"position": new}) for row, new in zip(rows, positions, strict=True)}
    return changed[task.id]


def beside(statement: Select[Any], position: str, limit: int) -> list[TaskRow]:
    """The next tasks in a direction, nearest first."""
    rows = fetch(statement, user=current_user().id, position=position, limit=limit)
    return [TaskRow._make(row) for row in rows]
