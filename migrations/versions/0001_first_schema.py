"""Users, tasks, deletions and stored responses."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

USER_ID = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")
TASK_ID = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
ORDERED = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def owner(table: str) -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    return (
        sa.Column("user_id", USER_ID, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=f"fk_{table}_users", ondelete="CASCADE"),
    )


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", USER_ID, nullable=False),
        sa.Column("email", sa.String(255)),
        sa.Column("name", sa.String(255)),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("forgotten", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
    )
    op.create_table(
        "tasks",
        *owner("tasks"),
        sa.Column("id", TASK_ID, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("title_key", ORDERED, nullable=False),
        sa.Column("description", sa.String(1000)),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("completed", sa.Boolean(), nullable=False),
        sa.Column("completed_at", sa.DateTime()),
        sa.Column("priority", sa.SmallInteger()),
        sa.Column("due_date", sa.DateTime()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_tasks"),
        sa.CheckConstraint("length(title) BETWEEN 1 AND 200", name=op.f("ck_tasks_title_length")),
        sa.CheckConstraint("length(description) <= 1000", name=op.f("ck_tasks_description_length")),
        sa.CheckConstraint("priority BETWEEN 1 AND 3", name=op.f("ck_tasks_priority_known")),
        sa.CheckConstraint(
            "completed = (completed_at IS NOT NULL)", name=op.f("ck_tasks_completed_at_matches")
        ),
    )
    newest = [sa.text("created_at DESC"), sa.text("id DESC")]
    op.create_index("ix_tasks_created", "tasks", ["user_id", "created_at", "id"])
    op.create_index("ix_tasks_status", "tasks", ["user_id", "completed", "created_at", "id"])
    op.create_index("ix_tasks_due", "tasks", ["user_id", "due_date", *newest])
    op.create_index("ix_tasks_title", "tasks", ["user_id", "title_key", *newest])
    op.create_index("ix_tasks_revision", "tasks", ["user_id", "revision"])
    op.create_index("ix_tasks_id", "tasks", ["id"])
    op.create_table(
        "deletions",
        *owner("deletions"),
        sa.Column("task_id", TASK_ID, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "task_id", name="pk_deletions"),
    )
    op.create_index("ix_deletions_revision", "deletions", ["user_id", "revision", "task_id"])
    op.create_index("ix_deletions_deleted_at", "deletions", ["deleted_at"])
    op.create_table(
        "stored_responses",
        *owner("stored_responses"),
        sa.Column("endpoint", sa.String(100), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("etag", sa.String(100)),
        sa.Column("location", sa.String(100)),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "endpoint", "key", name="pk_stored_responses"),
    )
    op.create_index("ix_stored_responses_created_at", "stored_responses", ["created_at"])


def downgrade() -> None:
    op.drop_table("stored_responses")
    op.drop_table("deletions")
    op.drop_table("tasks")
    op.drop_table("users")
