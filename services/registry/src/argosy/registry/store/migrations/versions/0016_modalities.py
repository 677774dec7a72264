"""What base models read beside text."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the next start fills it from the catalogue file."""
    op.add_column(
        "base_model", sa.Column("modalities", ARRAY(sa.Text), nullable=False, server_default="{}")
    )
