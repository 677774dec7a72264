"""Stored answers that begin as refusals do. Those stored before are not looked at again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "stored_completion",
        sa.Column("refusal", sa.Boolean, nullable=False, server_default=sa.false()),
    )
