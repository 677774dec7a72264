"""The tables of accounts, beside projects and keys in `tables`.

Rows of people and service accounts stay when these go, marked: keys, usage and the audit log name
them.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from argosy.registry.store.tables import metadata
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

_TIME: Final = sa.DateTime(timezone=True)


def _seq() -> sa.Column[int]:
    return sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True)


service_account: Final = sa.Table(
    "service_account",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _seq(),
    sa.Column("project_id", sa.Text, sa.ForeignKey("project.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("deleted_at", _TIME),
    sa.Index("ix_service_account_project_id_seq", "project_id", "seq"),
)

# Not `user`: that is a word of SQL.
account_user: Final = sa.Table(
    "account_user",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _seq(),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("added_at", _TIME, nullable=False),
    sa.Column("deleted_at", _TIME),
    sa.Index(
        "ix_account_user_email",
        "email",
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    ),
)

member: Final = sa.Table(
    "member",
    metadata,
    sa.Column("project_id", sa.Text, sa.ForeignKey("project.id"), primary_key=True),
    sa.Column("user_id", sa.Text, sa.ForeignKey("account_user.id"), primary_key=True),
    _seq(),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("added_at", _TIME, nullable=False),
)

invite: Final = sa.Table(
    "invite",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _seq(),
    # SHA-256 of a secret of 256 bits, which needs no pepper.
    sa.Column("token_digest", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("projects", JSONB, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("expires_at", _TIME, nullable=False),
    sa.Column("accepted_at", _TIME),
)

access_request: Final = sa.Table(
    "access_request",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _seq(),
    *(
        sa.Column(name, sa.Text, nullable=False)
        for name in ("email", "name", "company", "scenario", "status")
    ),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("decided_at", _TIME),
    # Empty until it is decided, but for the key: it works from the approval on.
    *(
        sa.Column(name, sa.Text, nullable=False)
        for name in ("user_id", "project_id", "role", "reason", "key_id")
    ),
    sa.Column("key_digest", sa.LargeBinary, nullable=False),
    sa.Column("key_prefix", sa.Text, nullable=False),
    sa.Column("key_suffix", sa.Text, nullable=False),
    sa.Index("ix_access_request_status_seq", "status", "seq"),
)

model_limit: Final = sa.Table(
    "model_limit",
    metadata,
    sa.Column("project_id", sa.Text, sa.ForeignKey("project.id"), primary_key=True),
    sa.Column("model_id", sa.Text, primary_key=True),
    sa.Column("requests_per_minute", sa.BigInteger, nullable=False),
    sa.Column("tokens_per_minute", sa.BigInteger, nullable=False),
)

model_access: Final = sa.Table(
    "model_access",
    metadata,
    sa.Column("project_id", sa.Text, sa.ForeignKey("project.id"), primary_key=True),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("model_ids", ARRAY(sa.Text), nullable=False),
)

# `scope` is a project's id, or empty for the organization.
spend_limit: Final = sa.Table(
    "spend_limit",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    # In hundredths of the currency unit, a month.
    sa.Column("threshold", sa.BigInteger, nullable=False),
    sa.Column("enforcing", sa.Boolean, nullable=False),
)

spend_alert: Final = sa.Table(
    "spend_alert",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _seq(),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("threshold", sa.BigInteger, nullable=False),
    sa.Column("recipients", ARRAY(sa.Text), nullable=False),
    sa.Column("subject_prefix", sa.Text, nullable=False),
    sa.Column("webhook_url", sa.Text, nullable=False, server_default=""),
    # When it was told of last; once a calendar month.
    sa.Column("reached_at", _TIME),
    sa.Index("ix_spend_alert_scope_seq", "scope", "seq"),
)

# Rows are added and never changed.
audit_entry: Final = sa.Table(
    "audit_entry",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _seq(),
    sa.Column("effective_at", _TIME, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("actor_key_id", sa.Text, nullable=False),
    sa.Column("actor_user_id", sa.Text, nullable=False),
    sa.Column("actor_user_email", sa.Text, nullable=False),
    sa.Column("actor_service_account_id", sa.Text, nullable=False),
    sa.Column("actor_ip_address", sa.Text, nullable=False, server_default=""),
    sa.Column("actor_user_agent", sa.Text, nullable=False, server_default=""),
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("project_name", sa.Text, nullable=False),
    sa.Column("resource_id", sa.Text, nullable=False),
    sa.Column("details", JSONB, nullable=False),
    sa.Index("ix_audit_entry_type_seq", "type", "seq"),
    sa.Index("ix_audit_entry_project_id_seq", "project_id", "seq"),
)
