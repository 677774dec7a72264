"""What engines say that they have done, to be held against what was billed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_KINDS = ("input_tokens", "cached_input_tokens", "output_tokens")


def upgrade() -> None:
    """Create the counters as they were told last, and their days."""
    op.create_table(
        "engine_count",
        sa.Column("engine", sa.Text, primary_key=True),
        sa.Column("started_ms", sa.BigInteger, primary_key=True),
        sa.Column("pool", sa.Text, nullable=False),
        *(sa.Column(f"first_{kind}", sa.BigInteger, nullable=False) for kind in _KINDS),
        *(sa.Column(kind, sa.BigInteger, nullable=False) for kind in _KINDS),
    )
    op.create_table(
        "engine_day",
        sa.Column("bucket", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("pool", sa.Text, primary_key=True),
        *(sa.Column(kind, sa.BigInteger, nullable=False) for kind in _KINDS),
    )
