"""The schema `registry` as SQLAlchemy sees it. `migrations/` makes it; a test holds them together.

Knows columns. `seq` columns are the order in which rows were made: they page lists, since times
can be equal.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Final

import sqlalchemy as sa
from argosy.registry.domain.limits import Limits
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata: Final = sa.MetaData()

_TIME: Final = sa.DateTime(timezone=True)


def _seq() -> sa.Column[int]:
    return sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True)


def _limits() -> list[sa.Column[int]]:
    return [
        sa.Column(field.name, sa.BigInteger, nullable=False, server_default="0")
        for field in fields(Limits)
    ]


organization: Final = sa.Table(
    "organization",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("slug", sa.Text, nullable=False),
)

project: Final = sa.Table(
    "project",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _seq(),
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organization.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", _TIME, nullable=False, server_default=sa.func.now()),
    # The row stays when the project is archived: it owns files and usage.
    sa.Column("archived_at", _TIME),
    *_limits(),
    sa.Column("share", sa.Double, nullable=False, server_default="1"),
    sa.Column("stores_completions", sa.Boolean, nullable=False, server_default=sa.false()),
)

api_key: Final = sa.Table(
    "api_key",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    # HMAC-SHA256(pepper, secret). Neither is in the database.
    sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("prefix", sa.Text, nullable=False),
    sa.Column("suffix", sa.Text, nullable=False, server_default=""),
    # NULL for a key of the admin API alone.
    sa.Column("project_id", sa.Text, sa.ForeignKey("project.id")),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    _seq(),
    sa.Column("origin", sa.Text, nullable=False, server_default="catalog"),
    sa.Column("admin_role", sa.Text, nullable=False, server_default=""),
    # Whose key it was is still asked when its owner is gone: no foreign keys.
    sa.Column("user_id", sa.Text, nullable=False, server_default=""),
    sa.Column("service_account_id", sa.Text, nullable=False, server_default=""),
    sa.Column("expires_at", _TIME),
    # The row stays when the key is revoked, so that no restart brings it back.
    sa.Column("deleted_at", _TIME),
    *_limits(),
    sa.Column("priority", sa.Text, nullable=False, server_default="default"),
    sa.Index("ix_api_key_project_id_seq", "project_id", "seq"),
    sa.Index("ix_api_key_service_account_id", "service_account_id"),
)

pool: Final = sa.Table(
    "pool",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("engine", sa.Text, nullable=False),
    sa.Column("replicas", ARRAY(sa.Text), nullable=False),
    # Tells that the engines' secret changed; the secret stays in the processes.
    sa.Column("engine_key_digest", sa.LargeBinary, nullable=False),
    # 0 leaves it to the gateway's settings.
    sa.Column("concurrency", sa.Integer, nullable=False, server_default="0"),
    sa.Column("queue", sa.Integer, nullable=False, server_default="0"),
    sa.Column("queue_seconds", sa.Double, nullable=False, server_default="0"),
    sa.Column("weights", JSONB, nullable=False, server_default="{}"),
    sa.Column("max_loras", sa.Integer, nullable=False, server_default="0"),
    sa.Column("max_cpu_loras", sa.Integer, nullable=False, server_default="0"),
)

route: Final = sa.Table(
    "route",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    # Empty for all projects.
    sa.Column("project_id", sa.Text, nullable=False),
    # [{"model": id, "weight": number}, …]
    sa.Column("targets", JSONB, nullable=False),
    sa.Column("fallbacks", ARRAY(sa.Text), nullable=False),
)

base_model: Final = sa.Table(
    "base_model",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("owned_by", sa.Text, nullable=False),
    sa.Column("context_length", sa.Integer, nullable=False),
    sa.Column("trainable", sa.Boolean, nullable=False),
    sa.Column("pool", sa.Text, nullable=False),
    sa.Column("weights_path", sa.Text, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("architecture", sa.Text, nullable=False, server_default=""),
    sa.Column("quantization", sa.Text, nullable=False, server_default=""),
    sa.Column("modalities", ARRAY(sa.Text), nullable=False, server_default="{}"),
)

adapter: Final = sa.Table(
    "adapter",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _seq(),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("project_id", sa.Text, sa.ForeignKey("project.id"), nullable=False),
    sa.Column("owned_by", sa.Text, nullable=False),
    # No foreign key: an adapter outlives its base's entry in the catalogue file.
    sa.Column("base", sa.Text, nullable=False, index=True),
    sa.Column("job_id", sa.Text, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("folder", sa.Text, nullable=False, unique=True),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    # The row stays when the model goes: see `store.adapters`.
    sa.Column("deleted_at", _TIME),
    sa.Column("artifact", sa.Text, nullable=False, server_default="lora"),
    sa.Column("virtual_tokens", sa.Integer, nullable=False, server_default="0"),
    sa.Column("bytes", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("parent", sa.Text, nullable=False, server_default=""),
    sa.Column("runs_on", sa.Text, nullable=False, server_default="", index=True),
    # What the newest evaluation says: JSON as it is shown; empty if there is none.
    sa.Column("evaluation", sa.Text, nullable=False, server_default=""),
    sa.Column("measured", JSONB, nullable=False, server_default="{}"),
)

# Which other projects may call an adapter.
checkpoint_permission: Final = sa.Table(
    "checkpoint_permission",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _seq(),
    sa.Column("model_id", sa.Text, sa.ForeignKey("adapter.id"), nullable=False),
    sa.Column("project_id", sa.Text, sa.ForeignKey("project.id"), nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.UniqueConstraint("model_id", "project_id", name="uq_checkpoint_permission_model_project"),
)

file: Final = sa.Table(
    "file",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _seq(),
    sa.Column("project_id", sa.Text, sa.ForeignKey("project.id"), nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("blob", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("expires_at", _TIME),
    sa.Column("kind", sa.Text, nullable=False, server_default=""),
    sa.Index("ix_file_project_id_seq", "project_id", "seq"),
    sa.Index(
        "ix_file_expires_at", "expires_at", postgresql_where=sa.text("expires_at IS NOT NULL")
    ),
)

catalog_revision: Final = sa.Sequence("catalog_revision", metadata=metadata)

# One row an entry, with the revision of its last change: the table does not grow with time.
catalog_change: Final = sa.Table(
    "catalog_change",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False, unique=True),
    sa.Column("removed", sa.Boolean, nullable=False),
)
