"""Accounts: what a project and a key have beside their names, people, limits and the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns and create the tables."""
    _projects_and_keys()
    _people()
    _budgets()
    _audit()


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def _seq() -> sa.Column[int]:
    return sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, _TIME, nullable=nullable)


def _project(*, key: bool = False) -> sa.Column[str]:
    return sa.Column(
        "project_id", sa.Text, sa.ForeignKey("project.id"), nullable=False, primary_key=key
    )


def _projects_and_keys() -> None:
    for table in ("project", "api_key"):
        op.add_column(table, sa.Column("seq", sa.BigInteger, sa.Identity(always=True)))
        op.create_unique_constraint(f"{table}_seq_key", table, ["seq"])
    op.add_column(
        "project", sa.Column("created_at", _TIME, nullable=False, server_default=sa.func.now())
    )
    op.add_column("project", _time("archived_at", nullable=True))

    op.alter_column("api_key", "project_id", nullable=True)
    for name in ("suffix", "admin_role", "user_id", "service_account_id"):
        op.add_column("api_key", _text(name, ""))
    op.add_column("api_key", _text("origin", "catalog"))
    for name in ("expires_at", "deleted_at"):
        op.add_column("api_key", _time(name, nullable=True))
    op.create_index("ix_api_key_project_id_seq", "api_key", ["project_id", "seq"])
    op.create_index("ix_api_key_service_account_id", "api_key", ["service_account_id"])


def _people() -> None:
    op.create_table(
        "service_account",
        sa.Column("id", sa.Text, primary_key=True), _seq(), _project(), _text("name"),
        _text("role"), _time("created_at"), _time("deleted_at", nullable=True),
    )  # fmt: skip
    op.create_index("ix_service_account_project_id_seq", "service_account", ["project_id", "seq"])
    op.create_table(
        "account_user",
        sa.Column("id", sa.Text, primary_key=True), _seq(), _text("email"), _text("name"),
        _text("role"), _time("added_at"), _time("deleted_at", nullable=True),
    )  # fmt: skip
    op.create_index(
        "ix_account_user_email",
        "account_user",
        ["email"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    user = sa.ForeignKey("account_user.id")
    op.create_table(
        "member",
        _project(key=True), sa.Column("user_id", sa.Text, user, primary_key=True), _seq(),
        _text("role"), _time("added_at"),
    )  # fmt: skip
    op.create_table(
        "invite",
        sa.Column("id", sa.Text, primary_key=True), _seq(),
        sa.Column("token_digest", sa.LargeBinary, nullable=False, unique=True), _text("email"),
        _text("role"), sa.Column("projects", JSONB, nullable=False), _time("created_at"),
        _time("expires_at"), _time("accepted_at", nullable=True),
    )  # fmt: skip


def _budgets() -> None:
    op.create_table(
        "model_limit",
        _project(key=True), sa.Column("model_id", sa.Text, primary_key=True),
        _number("requests_per_minute"), _number("tokens_per_minute"),
    )  # fmt: skip
    op.create_table(
        "model_access",
        _project(key=True), _text("mode"), sa.Column("model_ids", ARRAY(sa.Text), nullable=False),
    )  # fmt: skip
    op.create_table(
        "spend_limit",
        sa.Column("scope", sa.Text, primary_key=True), _number("threshold"),
        sa.Column("enforcing", sa.Boolean, nullable=False),
    )  # fmt: skip
    op.create_table(
        "spend_alert",
        sa.Column("id", sa.Text, primary_key=True), _seq(), _text("scope"), _number("threshold"),
        sa.Column("recipients", ARRAY(sa.Text), nullable=False), _text("subject_prefix"),
    )  # fmt: skip
    op.create_index("ix_spend_alert_scope_seq", "spend_alert", ["scope", "seq"])


def _audit() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Text, primary_key=True), _seq(), _time("effective_at"), _text("type"),
        _text("actor_key_id"), _text("actor_user_id"), _text("actor_user_email"),
        _text("actor_service_account_id"), _text("project_id"), _text("project_name"),
        _text("resource_id"), sa.Column("details", JSONB, nullable=False),
    )  # fmt: skip
    op.create_index("ix_audit_entry_type_seq", "audit_entry", ["type", "seq"])
    op.create_index("ix_audit_entry_project_id_seq", "audit_entry", ["project_id", "seq"])
