"""How the weights of base models are packed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the next start fills it from the weights."""
    op.add_column(
        "base_model", sa.Column("quantization", sa.Text, nullable=False, server_default="")
    )
