"""Sums of the ledger by minute, hour and day; prices. What is already in the ledger is summed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_LINE = ("project_id", "key_id", "user_id", "model", "base", "pool", "operation", "outcome")
_SUMS = (
    "requests", "estimated_requests", "input_tokens", "cached_input_tokens", "output_tokens",
    "training_tokens",
)  # fmt: skip
_KINDS = ("input", "cached_input", "output", "training")


def upgrade() -> None:
    """Create the tables and fill the sums from the ledger."""
    op.add_column("usage_event", sa.Column("user_id", sa.Text, nullable=False, server_default=""))
    op.add_column(
        "usage_event", sa.Column("batch", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_table(
        "usage_line",
        sa.Column("id", sa.Integer, sa.Identity(always=True), primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in _LINE),
        sa.Column("batch", sa.Boolean, nullable=False),
        sa.UniqueConstraint(*_LINE, "batch", name="uq_usage_line"),
    )
    for width in ("minute", "hour", "day"):
        op.create_table(
            f"usage_{width}",
            sa.Column("bucket", sa.DateTime(timezone=True), primary_key=True),
            sa.Column("line", sa.Integer, sa.ForeignKey("usage_line.id"), primary_key=True),
            *(sa.Column(field, sa.BigInteger, nullable=False) for field in _SUMS),
        )
    op.create_table(
        "model_price",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("valid_from", sa.Date, primary_key=True),
        *(sa.Column(kind, sa.BigInteger, nullable=False) for kind in _KINDS),
    )
    op.create_table(
        "pool_price",
        sa.Column("pool", sa.Text, primary_key=True),
        sa.Column("valid_from", sa.Date, primary_key=True),
        sa.Column("hour", sa.BigInteger, nullable=False),
        *(sa.Column(f"{kind}_weight", sa.BigInteger, nullable=False) for kind in _KINDS),
    )
    _sum_the_ledger()


def _sum_the_ledger() -> None:
    op.execute(
        """
        CREATE TEMPORARY VIEW lined AS
        SELECT e.*, coalesce(a.base, e.model) AS base,
            CASE WHEN e.operation = 'training' THEN 'trainer'
                 WHEN coalesce(b.pool, '') <> '' THEN b.pool
                 WHEN b.kind = 'embedding' THEN 'embedder'
                 ELSE '' END AS pool
        FROM usage_event e
        LEFT JOIN adapter a ON a.id = e.model
        LEFT JOIN base_model b ON b.id = coalesce(a.base, e.model)
        """
    )
    line = ", ".join((*_LINE, "batch"))
    op.execute(f"INSERT INTO usage_line ({line}) SELECT DISTINCT {line} FROM lined")  # noqa: S608 - our own names
    for width in ("minute", "hour", "day"):
        op.execute(
            f"""
            INSERT INTO usage_{width}
            SELECT date_trunc('{width}', e.occurred_at, 'UTC'), l.id,
                count(*) FILTER (WHERE e.worked), count(*) FILTER (WHERE e.estimated),
                sum(e.input_tokens), sum(e.cached_input_tokens), sum(e.output_tokens),
                sum(e.training_tokens)
            FROM (
                SELECT *, outcome = 'ok'
                    OR input_tokens + output_tokens + training_tokens > 0 AS worked
                FROM lined
            ) e JOIN usage_line l USING ({line})
            GROUP BY 1, 2
            """  # noqa: S608 - our own names
        )
    op.execute("DROP VIEW lined")
