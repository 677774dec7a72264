"""What a job measured of the model that it made, by name: of a compression, beside its original."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("adapter", sa.Column("measured", JSONB, nullable=False, server_default="{}"))
