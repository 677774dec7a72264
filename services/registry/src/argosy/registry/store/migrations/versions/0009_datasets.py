"""Data sets: versions, records, tasks. A file tells what kind of records it holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def _seq() -> sa.Column[int]:
    return sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def upgrade() -> None:
    """Create the tables."""
    op.add_column("file", _text("kind"))
    op.create_table(
        "dataset",
        sa.Column("id", sa.Text, primary_key=True),
        _seq(),
        sa.Column("project_id", sa.Text, sa.ForeignKey("project.id")),
        sa.Column("name", sa.Text, nullable=False),
        _text("description"),
        _text("kind"),
        sa.Column("metadata", JSONB, nullable=False, server_default="{}"),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("deleted_at", _TIME),
    )
    op.create_index("ix_dataset_project_id_seq", "dataset", ["project_id", "seq"])
    op.create_table(
        "dataset_version",
        sa.Column("id", sa.Text, primary_key=True),
        _seq(),
        sa.Column("dataset_id", sa.Text, sa.ForeignKey("dataset.id"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        *(_count(n) for n in ("records", "unannotated", "drafts", "characters")),
        *(_count(n) for n in ("next_position", "annotations", "annotation_ms")),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("published_at", _TIME),
        _text("blob"),
        _count("bytes"),
        _text("sha256"),
        _text("parent_id"),
        sa.Column("lineage", JSONB, nullable=False, server_default="[]"),
        sa.Column("deleted_at", _TIME),
        sa.UniqueConstraint("dataset_id", "number", name="uq_dataset_version_number"),
    )
    op.create_index(
        "ix_dataset_version_blob",
        "dataset_version",
        ["blob"],
        postgresql_where=sa.text("blob <> ''"),
    )
    op.create_table(
        "dataset_record",
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("characters", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        _text("notes"),
    )
    op.create_index(
        "ix_dataset_record_open",
        "dataset_record",
        ["version", "position"],
        postgresql_where=sa.text("status IN ('unannotated', 'draft')"),
    )
    op.create_table(
        "dataset_task",
        sa.Column("id", sa.Text, primary_key=True),
        _seq(),
        sa.Column("project_id", sa.Text, sa.ForeignKey("project.id"), nullable=False),
        _text("key_id"),
        sa.Column("dataset_id", sa.Text, nullable=False),
        _text("version_id"),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("parameters", JSONB, nullable=False),
        sa.Column("result", JSONB),
        sa.Column("error", JSONB),
        sa.Column("cancel_requested", sa.Boolean, nullable=False, server_default=sa.false()),
        _count("processed"),
        _count("total"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("started_at", _TIME),
        sa.Column("finished_at", _TIME),
        _text("lease_owner"),
        sa.Column("lease_until", _TIME),
        _count("lease_epoch"),
    )
    op.create_index("ix_dataset_task_project_id_seq", "dataset_task", ["project_id", "seq"])
    op.create_index(
        "ix_dataset_task_open",
        "dataset_task",
        ["seq"],
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
