"""Titles and words are found and ordered without accents and differences of form."""

from alembic import context, op

from todo_service.tasks.folding import refold

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def case_folded(title: str, description: str | None) -> dict[str, str]:
    """What the version before stores and looks for."""
    return {"title_key": title.casefold(), "search_text": f"{title}\n{description or ''}".casefold()}


def upgrade() -> None:
    if not context.is_offline_mode():  # no SQL folds: whoever runs it by hand runs `flask refold`, too
        with op.get_context().autocommit_block():
            refold(op.get_bind())


def downgrade() -> None:
    if not context.is_offline_mode():
        with op.get_context().autocommit_block():
            refold(op.get_bind(), case_folded)
