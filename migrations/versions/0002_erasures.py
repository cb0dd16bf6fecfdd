"""What must outlive erased accounts: the highest revision any of them had."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", sa.SmallInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
        sa.CheckConstraint("id = 1", name=op.f("ck_erasures_single_row")),
    )


def downgrade() -> None:
    op.drop_table("erasures")
