"""Training is found in the ledger by its model: how long it took tells how long it will take."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index."""
    op.create_index(
        "ix_usage_event_training",
        "usage_event",
        ["model"],
        postgresql_where=sa.text("operation = 'training'"),
    )
