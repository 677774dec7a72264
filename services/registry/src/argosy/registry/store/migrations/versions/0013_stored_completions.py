"""Completions that projects store, for data sets to be made of them; off for every project."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and the project's switch."""
    op.add_column(
        "project",
        sa.Column("stores_completions", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "stored_completion",
        sa.Column("project_id", sa.Text, sa.ForeignKey("project.id"), primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("messages", sa.Text, nullable=False),
        sa.Column("completion", sa.Text, nullable=False),
        sa.Column("metadata", JSONB, nullable=False),
    )
    op.create_index(
        "ix_stored_completion_project_id_seq", "stored_completion", ["project_id", "seq"]
    )
