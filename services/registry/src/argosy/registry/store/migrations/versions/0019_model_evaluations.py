"""What the newest evaluation of a tuned model says."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; older models have no evaluation."""
    op.add_column("adapter", sa.Column("evaluation", sa.Text, nullable=False, server_default=""))
