"""The first tables: catalogue, files, ledger, outbox and inbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from argosy.kit import outbox
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    time = sa.DateTime(timezone=True)
    op.create_table(
        "organization",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("slug", sa.Text, nullable=False),
    )
    op.create_table(
        "project",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organization_id", sa.Text, sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, sa.ForeignKey("project.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", time, nullable=False),
    )
    op.create_table(
        "pool",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("replicas", ARRAY(sa.Text), nullable=False),
        sa.Column("engine_key_digest", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "base_model",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("owned_by", sa.Text, nullable=False),
        sa.Column("context_length", sa.Integer, nullable=False),
        sa.Column("trainable", sa.Boolean, nullable=False),
        sa.Column("pool", sa.Text, nullable=False),
        sa.Column("weights_path", sa.Text, nullable=False),
        sa.Column("created_at", time, nullable=False),
    )
    op.create_table(
        "adapter",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, sa.ForeignKey("project.id"), nullable=False),
        sa.Column("owned_by", sa.Text, nullable=False),
        sa.Column("base", sa.Text, nullable=False, index=True),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("folder", sa.Text, nullable=False, unique=True),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("deleted_at", time),
    )
    op.create_table(
        "file",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
        sa.Column("project_id", sa.Text, sa.ForeignKey("project.id"), nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("blob", sa.Text, nullable=False, unique=True),
        sa.Column("created_at", time, nullable=False),
        sa.Column("expires_at", time),
    )
    op.create_index("ix_file_project_id_seq", "file", ["project_id", "seq"])
    op.create_index(
        "ix_file_expires_at",
        "file",
        ["expires_at"],
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.execute("CREATE SEQUENCE catalog_revision")
    op.create_table(
        "catalog_change",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False, unique=True),
        sa.Column("removed", sa.Boolean, nullable=False),
    )
    op.create_table(
        "usage_event",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
        sa.Column("occurred_at", time, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("cached_input_tokens", sa.BigInteger, nullable=False),
        sa.Column("training_tokens", sa.BigInteger, nullable=False),
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        sa.Column("first_token_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_usage_event_project_id_seq", "usage_event", ["project_id", "seq"])
    outbox.create_tables(op.get_bind())
