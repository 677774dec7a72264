"""Jobs, their events, metrics, checkpoints and idempotency keys; outbox and inbox."""

import sqlalchemy as sa
from alembic import op
from argosy.kit import outbox
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NOW = sa.text("clock_timestamp()")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    outbox.create_tables(op.get_bind())
    op.create_table(
        "jobs",
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), unique=True, nullable=False),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("organization_slug", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("tuned_model", sa.Text, nullable=False, unique=True),
        sa.Column("training_file", sa.Text, nullable=False),
        sa.Column("validation_file", sa.Text, nullable=False),
        sa.Column("result_file", sa.Text, nullable=False),
        sa.Column("suffix", sa.Text, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("metadata", JSONB, nullable=False),
        sa.Column("asked", JSONB, nullable=False),
        sa.Column("plan", JSONB),
        sa.Column("total_steps", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("completed_steps", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("safe_step", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("final_step", sa.BigInteger),
        sa.Column("trained_tokens", sa.BigInteger),
        sa.Column("estimated_finish", _TIME),
        sa.Column("finished_at", _TIME),
        sa.Column("error", JSONB),
        sa.Column("crashes", sa.Integer, nullable=False, server_default="0"),
        sa.Column("switches", sa.Integer, nullable=False, server_default="0"),
        sa.Column("traceparent", sa.Text, nullable=False),
        sa.Column("lease_owner", sa.Text, nullable=False, server_default=""),
        sa.Column("lease_until", _TIME),
        sa.Column("lease_epoch", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.create_index("jobs_by_project", "jobs", ["project_id", "seq"])
    op.create_index("jobs_by_fingerprint", "jobs", ["project_id", "fingerprint", "created_at"])
    op.create_index(
        "jobs_unfinished",
        "jobs",
        ["state", "seq"],
        postgresql_where=sa.text("state NOT IN ('succeeded', 'failed', 'cancelled')"),
    )
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("job_id", sa.Text, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("data", JSONB),
        sa.UniqueConstraint("job_id", "key", name="events_once"),
    )
    op.create_index("events_by_job", "events", ["job_id", "seq"])
    op.create_table(
        "metrics",
        sa.Column("job_id", sa.Text, sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("train_loss", sa.Double),
        sa.Column("train_mean_token_accuracy", sa.Double),
        sa.Column("learning_rate", sa.Double),
        sa.Column("grad_norm", sa.Double),
        sa.Column("tokens", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("tokens_per_second", sa.Double),
        sa.Column("valid_loss", sa.Double),
        sa.Column("valid_mean_token_accuracy", sa.Double),
    )
    op.create_table(
        "checkpoints",
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("job_id", sa.Text, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("model_id", sa.Text, nullable=False, unique=True),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.UniqueConstraint("job_id", "step", name="checkpoints_once"),
    )
    op.create_table(
        "idempotency",
        sa.Column("project_id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("job_id", sa.Text, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
    )
