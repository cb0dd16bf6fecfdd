"""What there is stands in the order by hand, newest first; an index lists it page by page.

Each step can be repeated, should the migration end halfway.
"""

from alembic import context, op

from todo_service.db.engine import BARE
from todo_service.tasks.placement import place_all

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    meanwhile = "CONCURRENTLY" if op.get_context().dialect.name == "postgresql" else ""
    with op.get_context().autocommit_block():
        # No SQL gives positions: whoever runs what is printed by hand runs `flask refold`, too.
        if not context.is_offline_mode():
            place_all(op.get_bind())
        op.execute(f"DROP INDEX {meanwhile} IF EXISTS ix_tasks_position", execution_options={"begin": BARE})
        columns = "(user_id, position, created_at DESC, id DESC)"
        op.execute(
            f"CREATE INDEX {meanwhile} ix_tasks_position ON tasks {columns}",
            execution_options={"begin": BARE},
        )


def downgrade() -> None:
    op.execute("DROP INDEX ix_tasks_position")
