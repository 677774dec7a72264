"""What runs leave behind besides LoRA adapters, and the architecture of base models."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is there already is a LoRA adapter of a base."""
    op.add_column(
        "base_model", sa.Column("architecture", sa.Text, nullable=False, server_default="")
    )
    for column in (
        sa.Column("artifact", sa.Text, nullable=False, server_default="lora"),
        sa.Column("virtual_tokens", sa.Integer, nullable=False, server_default="0"),
        sa.Column("bytes", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("parent", sa.Text, nullable=False, server_default=""),
        sa.Column("runs_on", sa.Text, nullable=False, server_default=""),
    ):
        op.add_column("adapter", column)
    op.create_index("ix_adapter_runs_on", "adapter", ["runs_on"])
