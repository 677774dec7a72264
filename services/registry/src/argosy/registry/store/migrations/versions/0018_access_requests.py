"""People who ask for access, with the key that works once they are let in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "access_request",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("email", "name", "company", "scenario", "status")
        ),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("decided_at", _TIME),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("user_id", "project_id", "role", "reason", "key_id")
        ),
        sa.Column("key_digest", sa.LargeBinary, nullable=False),
        sa.Column("key_prefix", sa.Text, nullable=False),
        sa.Column("key_suffix", sa.Text, nullable=False),
    )
    op.create_index("ix_access_request_status_seq", "access_request", ["status", "seq"])
