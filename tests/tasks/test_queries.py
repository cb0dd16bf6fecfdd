"""What the statements cost PostgreSQL: no list, however sorted, reads the whole table of tasks."""

import re
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.conftest import forget_everything
from todo_service.extensions import db
from todo_service.tasks.listing import SORTS, Search, statement_for

NOBODYS = "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"

USERS = """
    INSERT INTO users (id, revision, created_at)
        SELECT 'user-' || u, 100, now() FROM generate_series(1, 1000) u
"""
TASKS = """
    INSERT INTO tasks (user_id, id, title, title_key, search_text, completed, completed_at, priority,
                       due_date, created_at, updated_at, revision)
        SELECT 'user-' || (n % 1000 + 1), gen_random_uuid(), 'task ' || n, 'task ' || n, 'task ' || n,
               n % 3 = 0, CASE WHEN n % 3 = 0 THEN now() END, n % 3 + 1, now() + n * interval '1 minute',
               now() + n * interval '1 second', now(), n
        FROM generate_series(:first, :first + 9999) n
"""


@pytest.fixture(scope="module")
def large(shared_app: Flask) -> Flask:
    """100,000 tasks of 1,000 users; on PostgreSQL only, whose planner explains itself."""
    forget_everything(shared_app)
    with shared_app.app_context():
        if db.engine.dialect.name != "postgresql":
            pytest.skip("SQLite has no such planner; it takes an index wherever there is one")
        db.session.execute(text(USERS))
        for first in range(1, 100_000, 10_000):  # each within what a statement may take
            db.session.execute(text(TASKS), {"first": first})
        db.session.commit()
        db.session.execute(text("ANALYZE"))
        db.session.commit()
    return shared_app


def test_no_list_reads_the_whole_table(large: Flask) -> None:
    with large.app_context():
        for status, name, order in product(("all", "pending", "completed"), SORTS, ("asc", "desc")):
            plan = plan_of(status=status, sort=[name], order=[order])
            assert "Seq Scan" not in plan, (status, name, order)
            assert "ix_tasks_" in plan or "pk_tasks" in plan


def test_what_is_due_within_a_day_is_one_range_of_an_index(large: Flask) -> None:
    with large.app_context():
        today = datetime.now(UTC)
        plan = plan_of(sort=["due_date"], due_after=today, due_before=today + timedelta(days=1))
        assert re.search(r"ix_tasks_due.*\n *Index Cond: .*due_date >=.*due_date <", plan), plan


def plan_of(**search: Any) -> str:
    """How PostgreSQL finds the first page of a search."""
    usual: dict[str, Any] = {
        "user_id": "user-7",
        "status": "all",
        "sort": [],
        "order": [],
        "priority": None,
        "q": "",
    }
    asked = Search(**{**usual, "due_after": None, "due_before": None, **search})
    listed = statement_for(asked.shape, None, counts=False)
    compiled = listed.compile(db.engine, compile_kwargs={"render_postcompile": True})
    values = {**compiled.params, **asked.values(), "limit": 50}
    return "\n".join(db.session.connection().exec_driver_sql(f"EXPLAIN {compiled}", values).scalars())


def test_the_question_whether_a_task_exists_reads_no_whole_table(large: Flask) -> None:
    with large.app_context():
        plan = db.session.execute(
            text(f"EXPLAIN SELECT id FROM tasks WHERE id = '{NOBODYS}' LIMIT 1")
        ).scalars()
        assert "Seq Scan" not in "\n".join(plan)
