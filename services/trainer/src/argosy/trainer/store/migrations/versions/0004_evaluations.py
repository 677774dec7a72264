"""Evaluations of models, with their answers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    op.create_table(
        "evaluations",
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), unique=True, nullable=False),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("job_id", sa.Text, sa.ForeignKey("jobs.id")),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("finished_at", _TIME),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("wish", JSONB, nullable=False),
        sa.Column("models", JSONB, nullable=False),
        sa.Column("source", sa.Text, nullable=False, server_default=""),
        sa.Column("task_type", sa.Text, nullable=False, server_default=""),
        sa.Column("total", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("answered", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("failed", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("result", JSONB),
        sa.Column("error", JSONB),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("due_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("lease_until", _TIME),
        sa.Column("lease_epoch", sa.BigInteger, nullable=False, server_default="0"),
        sa.UniqueConstraint("job_id", "key", name="evaluations_once"),
        sa.UniqueConstraint("project_id", "idempotency_key", name="evaluations_keyed"),
    )
    op.create_index("evaluations_by_project", "evaluations", ["project_id", "seq"])
    op.create_index(
        "evaluations_unfinished",
        "evaluations",
        ["due_at"],
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_table(
        "evaluation_answers",
        sa.Column("evaluation_id", sa.Text, sa.ForeignKey("evaluations.id"), primary_key=True),
        sa.Column("model", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("line", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
        sa.Column("seconds", sa.Double),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("completion_tokens", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("given", JSONB, nullable=False, server_default="{}"),
        sa.Column("manual", JSONB, nullable=False, server_default="{}"),
    )
    op.create_table(
        "evaluation_cases",
        sa.Column("evaluation_id", sa.Text, sa.ForeignKey("evaluations.id"), primary_key=True),
        sa.Column("line", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("record", sa.Text, nullable=False),
    )
