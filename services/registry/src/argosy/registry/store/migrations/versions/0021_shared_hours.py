"""Sums of hours by project, model, operation and batch, which reports of weeks read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_FIELDS = ("project_id", "model", "operation", "batch")
_SUMS = (
    "requests", "estimated_requests", "input_tokens", "cached_input_tokens", "output_tokens",
    "training_tokens",
)  # fmt: skip


def upgrade() -> None:
    """Create the sums from those that are there."""
    op.create_table(
        "usage_shared_hour",
        sa.Column("bucket", sa.DateTime(timezone=True), primary_key=True),
        *(sa.Column(name, sa.Text, primary_key=True) for name in _FIELDS[:-1]),
        sa.Column("batch", sa.Boolean, primary_key=True),
        *(sa.Column(field, sa.BigInteger, nullable=False) for field in _SUMS),
    )
    fields = ", ".join(_FIELDS)
    sums = ", ".join(f"sum({field})" for field in _SUMS)
    op.execute(
        f"INSERT INTO usage_shared_hour SELECT bucket, {fields}, {sums}"  # noqa: S608 - our own names
        f" FROM usage_hour JOIN usage_line ON id = line GROUP BY bucket, {fields} ORDER BY bucket"
    )
