"""Days on which tasks are due; what was due before stays a moment."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    timestamp = sa.DateTime().compile(op.get_context().dialect)
    op.execute(
        f"ALTER TABLE tasks ADD COLUMN due_day {timestamp} "
        "CONSTRAINT ck_tasks_due_day_is_midnight CHECK (CAST(due_day AS VARCHAR) LIKE '% 00:00:00%')"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE tasks DROP COLUMN due_day")
