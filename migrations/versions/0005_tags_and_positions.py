"""Tags of tasks, and their order by hand."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    collation = 'COLLATE "C"' if op.get_context().dialect.name == "postgresql" else ""
    op.execute(
        "ALTER TABLE tasks ADD COLUMN tags TEXT DEFAULT '' NOT NULL "
        "CONSTRAINT ck_tasks_tags_length CHECK (length(tags) <= 1019)"
    )
    op.execute("ALTER TABLE tasks ADD COLUMN tag_keys TEXT DEFAULT '' NOT NULL")
    op.execute(f"ALTER TABLE tasks ADD COLUMN position VARCHAR {collation} DEFAULT '' NOT NULL")


def downgrade() -> None:
    for column in ("position", "tag_keys", "tags"):
        op.execute(f"ALTER TABLE tasks DROP COLUMN {column}")
