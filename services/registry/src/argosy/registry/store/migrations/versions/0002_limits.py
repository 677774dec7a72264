"""Limits of projects and keys, settings of pools, routes."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_LIMITS = (
    "requests_per_minute", "tokens_per_minute", "tokens_per_day", "concurrent_requests",
    "micros_per_day",
)  # fmt: skip


def upgrade() -> None:
    """Add the columns and create the table."""
    for table in ("project", "api_key"):
        for name in _LIMITS:
            _add(table, name, sa.BigInteger, "0")
    _add("project", "share", sa.Double, "1")
    _add("api_key", "priority", sa.Text, "default")
    for name in ("concurrency", "queue", "max_loras", "max_cpu_loras"):
        _add("pool", name, sa.Integer, "0")
    _add("pool", "queue_seconds", sa.Double, "0")
    _add("pool", "weights", JSONB, "{}")
    op.create_table(
        "route",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("targets", JSONB, nullable=False),
        sa.Column("fallbacks", ARRAY(sa.Text), nullable=False),
    )


def _add(table: str, name: str, kind: type[sa.types.TypeEngine[Any]], default: str) -> None:
    op.add_column(table, sa.Column(name, kind, nullable=False, server_default=default))
