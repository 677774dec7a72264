"""The ledger's tables: one row a use, sums of them, and prices.

A *line* is what uses have in common: who, with which model, how it ended. The sums are kept for
each line and minute, hour and day, and for hours by less than lines too; a report reads the
coarsest that fits. Every event that is added to the ledger is added to its sums in the same
transaction.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from argosy.registry.domain.usage_windows import Width
from argosy.registry.store.tables import metadata

_TIME: Final = sa.DateTime(timezone=True)

usage_event: Final = sa.Table(
    "usage_event",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
    sa.Column("occurred_at", _TIME, nullable=False),
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False, server_default=""),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("operation", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("batch", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("input_tokens", sa.BigInteger, nullable=False),
    sa.Column("output_tokens", sa.BigInteger, nullable=False),
    sa.Column("cached_input_tokens", sa.BigInteger, nullable=False),
    sa.Column("training_tokens", sa.BigInteger, nullable=False),
    sa.Column("estimated", sa.Boolean, nullable=False),
    sa.Column("duration_ms", sa.BigInteger, nullable=False),
    sa.Column("first_token_ms", sa.BigInteger, nullable=False),
    sa.Index("ix_usage_event_project_id_seq", "project_id", "seq"),
    sa.Index(
        "ix_usage_event_training", "model", postgresql_where=sa.text("operation = 'training'")
    ),
)

# `base` and `pool` are what the model had when the line was first used: prices hang on them, and a
# model may go.
LINE_FIELDS: Final = (
    "project_id", "key_id", "user_id", "model", "base", "pool", "operation", "outcome", "batch",
)  # fmt: skip
usage_line: Final = sa.Table(
    "usage_line",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(always=True), primary_key=True),
    *(sa.Column(name, sa.Text, nullable=False) for name in LINE_FIELDS[:-1]),
    sa.Column("batch", sa.Boolean, nullable=False),
    sa.UniqueConstraint(*LINE_FIELDS, name="uq_usage_line"),
)

SUM_FIELDS: Final = (
    "requests", "estimated_requests", "input_tokens", "cached_input_tokens", "output_tokens",
    "training_tokens",
)  # fmt: skip


# What days cost is summed by less: how requests ended, and in a batch or not, costs the same.
COST_FIELDS: Final = ("project_id", "key_id", "user_id", "model", "base", "pool", "operation")
cost_line: Final = sa.Table(
    "cost_line",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(always=True), primary_key=True),
    *(sa.Column(name, sa.Text, nullable=False) for name in COST_FIELDS),
    sa.UniqueConstraint(*COST_FIELDS, name="uq_cost_line"),
)
COST_SUM_FIELDS: Final = (
    "input_tokens", "cached_input_tokens", "output_tokens", "training_tokens",
)  # fmt: skip
cost_day: Final = sa.Table(
    "cost_day",
    metadata,
    sa.Column("bucket", _TIME, primary_key=True),
    sa.Column("line", sa.Integer, sa.ForeignKey("cost_line.id"), primary_key=True),
    *(sa.Column(field, sa.BigInteger, nullable=False) for field in COST_SUM_FIELDS),
)


# One row a life of an engine: its counters when it was first seen, and as they were told last.
ENGINE_KINDS: Final = ("input_tokens", "cached_input_tokens", "output_tokens")
engine_count: Final = sa.Table(
    "engine_count",
    metadata,
    sa.Column("engine", sa.Text, primary_key=True),
    sa.Column("started_ms", sa.BigInteger, primary_key=True),
    sa.Column("pool", sa.Text, nullable=False),
    *(sa.Column(f"first_{kind}", sa.BigInteger, nullable=False) for kind in ENGINE_KINDS),
    *(sa.Column(kind, sa.BigInteger, nullable=False) for kind in ENGINE_KINDS),
)
# What the engines of a pool have counted on a day, whoever it was for.
engine_day: Final = sa.Table(
    "engine_day",
    metadata,
    sa.Column("bucket", _TIME, primary_key=True),
    sa.Column("pool", sa.Text, primary_key=True),
    *(sa.Column(kind, sa.BigInteger, nullable=False) for kind in ENGINE_KINDS),
)


def _sums(name: str) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("bucket", _TIME, primary_key=True),
        sa.Column("line", sa.Integer, sa.ForeignKey("usage_line.id"), primary_key=True),
        *(sa.Column(field, sa.BigInteger, nullable=False) for field in SUM_FIELDS),
    )


SUMS: Final = {
    Width.MINUTE: _sums("usage_minute"),
    Width.HOUR: _sums("usage_hour"),
    Width.DAY: _sums("usage_day"),
}

# Hours once more, told apart only by what most reports ask for: a week has a tenth of the rows.
SHARED_FIELDS: Final = ("project_id", "model", "operation", "batch")
shared_hour: Final = sa.Table(
    "usage_shared_hour",
    metadata,
    sa.Column("bucket", _TIME, primary_key=True),
    *(sa.Column(name, sa.Text, primary_key=True) for name in SHARED_FIELDS[:-1]),
    sa.Column("batch", sa.Boolean, primary_key=True),
    *(sa.Column(field, sa.BigInteger, nullable=False) for field in SUM_FIELDS),
)

# Money in millionths of the currency unit for a million tokens, from a day (UTC) on.
model_price: Final = sa.Table(
    "model_price",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("valid_from", sa.Date, primary_key=True),
    *(
        sa.Column(kind, sa.BigInteger, nullable=False)
        for kind in ("input", "cached_input", "output", "training", "embedding", "retrieval")
    ),
    # catalog or api; where both have a price of a day, that of the API holds.
    sa.Column("origin", sa.Text, primary_key=True, server_default="catalog"),
)

# `hour` is millionths for `span` hours of all the pool's hardware; weights are thousandths a token.
pool_price: Final = sa.Table(
    "pool_price",
    metadata,
    sa.Column("pool", sa.Text, primary_key=True),
    sa.Column("valid_from", sa.Date, primary_key=True),
    sa.Column("hour", sa.BigInteger, nullable=False),
    *(
        sa.Column(f"{kind}_weight", sa.BigInteger, nullable=False)
        for kind in ("input", "cached_input", "output", "training")
    ),
    sa.Column("span", sa.Integer, nullable=False, server_default="1"),
    sa.Column("origin", sa.Text, primary_key=True, server_default="catalog"),
)
