"""Alerts call a URL; the audit log knows whence a change came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table of messages."""
    for name in ("actor_ip_address", "actor_user_agent"):
        op.add_column("audit_entry", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.add_column(
        "spend_alert", sa.Column("webhook_url", sa.Text, nullable=False, server_default="")
    )
    op.add_column("spend_alert", sa.Column("reached_at", sa.DateTime(timezone=True)))
    op.create_table(
        "webhook_message",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("secret_of", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Index("ix_webhook_message_next_at", "next_at"),
    )
