"""The tables of data sets, in the registry's schema. `migrations/` makes them.

A record is one row with its body as JSON text, as it is published: text stays what it was.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from argosy.registry.store.tables import metadata
from sqlalchemy.dialects.postgresql import JSONB

_TIME: Final = sa.DateTime(timezone=True)


def _seq() -> sa.Column[int]:
    return sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


dataset: Final = sa.Table(
    "dataset",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _seq(),
    # NULL for a preset, which is everybody's to read.
    sa.Column("project_id", sa.Text, sa.ForeignKey("project.id")),
    sa.Column("name", sa.Text, nullable=False),
    _text("description"),
    _text("kind"),
    sa.Column("metadata", JSONB, nullable=False, server_default="{}"),
    sa.Column("created_at", _TIME, nullable=False),
    # The row goes once its records have gone, a batch at a time.
    sa.Column("deleted_at", _TIME),
    sa.Index("ix_dataset_project_id_seq", "project_id", "seq"),
)

version: Final = sa.Table(
    "dataset_version",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _seq(),
    sa.Column("dataset_id", sa.Text, sa.ForeignKey("dataset.id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    _count("records"),
    _count("unannotated"),
    _count("drafts"),
    _count("characters"),
    # The position that the next record gets; those of deleted records are not used again.
    _count("next_position"),
    _count("annotations"),
    _count("annotation_ms"),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("published_at", _TIME),
    _text("blob"),
    _count("bytes"),
    _text("sha256"),
    _text("parent_id"),
    # [{"type", "at", "task_id"?, "details"}, …]
    sa.Column("lineage", JSONB, nullable=False, server_default="[]"),
    sa.Column("deleted_at", _TIME),
    sa.UniqueConstraint("dataset_id", "number", name="uq_dataset_version_number"),
    sa.Index("ix_dataset_version_blob", "blob", postgresql_where=sa.text("blob <> ''")),
)

record: Final = sa.Table(
    "dataset_record",
    metadata,
    # The version's `seq`: eight bytes a row and not thirty.
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("characters", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    # A JSON object; empty for none.
    _text("notes"),
    sa.Index(
        "ix_dataset_record_open",
        "version",
        "position",
        postgresql_where=sa.text("status IN ('unannotated', 'draft')"),
    ),
)

stored_completion: Final = sa.Table(
    "stored_completion",
    metadata,
    sa.Column("project_id", sa.Text, sa.ForeignKey("project.id"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    _seq(),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    # JSON, as they were sent and answered.
    sa.Column("messages", sa.Text, nullable=False),
    sa.Column("completion", sa.Text, nullable=False),
    sa.Column("metadata", JSONB, nullable=False),
    # The answer begins as refusals do.
    sa.Column("refusal", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ix_stored_completion_project_id_seq", "project_id", "seq"),
)

trait: Final = sa.Table(
    "dataset_trait",
    metadata,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("traits", JSONB, nullable=False),
)

task: Final = sa.Table(
    "dataset_task",
    metadata,
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
    sa.Index("ix_dataset_task_project_id_seq", "project_id", "seq"),
    sa.Index(
        "ix_dataset_task_open",
        "seq",
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    ),
)
