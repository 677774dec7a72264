"""Which other projects may call a tuned model."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, empty: what was tuned so far is its own project's alone."""
    op.create_table(
        "checkpoint_permission",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
        sa.Column("model_id", sa.Text, sa.ForeignKey("adapter.id"), nullable=False),
        sa.Column("project_id", sa.Text, sa.ForeignKey("project.id"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint(
            "model_id", "project_id", name="uq_checkpoint_permission_model_project"
        ),
    )
