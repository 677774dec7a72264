"""Sums of a day for costs alone; prices of embedding and retrieval, of days, and by the API."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_LINE = ("project_id", "key_id", "user_id", "model", "base", "pool", "operation")
_SUMS = ("input_tokens", "cached_input_tokens", "output_tokens", "training_tokens")


def upgrade() -> None:
    """Create the sums from those that are there; let prices have their new columns."""
    op.create_table(
        "cost_line",
        sa.Column("id", sa.Integer, sa.Identity(always=True), primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in _LINE),
        sa.UniqueConstraint(*_LINE, name="uq_cost_line"),
    )
    op.create_table(
        "cost_day",
        sa.Column("bucket", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("line", sa.Integer, sa.ForeignKey("cost_line.id"), primary_key=True),
        *(sa.Column(field, sa.BigInteger, nullable=False) for field in _SUMS),
    )
    line = ", ".join(_LINE)
    sums = ", ".join(f"sum({field})" for field in _SUMS)
    op.execute(f"INSERT INTO cost_line ({line}) SELECT DISTINCT {line} FROM usage_line")  # noqa: S608 - our own names
    op.execute(
        f"INSERT INTO cost_day SELECT s.bucket, c.id, {sums} FROM usage_day s"  # noqa: S608 - our own names
        f" JOIN usage_line l ON l.id = s.line JOIN cost_line c USING ({line})"
        " GROUP BY s.bucket, c.id ORDER BY s.bucket"
    )
    for kind in ("embedding", "retrieval"):
        op.add_column(
            "model_price", sa.Column(kind, sa.BigInteger, nullable=False, server_default="0")
        )
    op.execute("UPDATE model_price SET embedding = input")
    op.add_column("pool_price", sa.Column("span", sa.Integer, nullable=False, server_default="1"))
    for table, name in (("model_price", "model"), ("pool_price", "pool")):
        op.add_column(table, sa.Column("origin", sa.Text, nullable=False, server_default="catalog"))
        op.drop_constraint(f"{table}_pkey", table)
        op.create_primary_key(f"{table}_pkey", table, [name, "valid_from", "origin"])
