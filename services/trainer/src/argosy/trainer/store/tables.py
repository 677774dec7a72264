"""The tables of schema `trainer`. The migrations make them; a test holds the two to each other."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata: Final = sa.MetaData()

_NOW: Final = sa.text("clock_timestamp()")
_TIME: Final = sa.DateTime(timezone=True)


def _job_id() -> sa.Column[str]:
    return sa.Column("job_id", sa.Text, sa.ForeignKey("jobs.id"), nullable=False)


jobs: Final = sa.Table(
    "jobs",
    metadata,
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
    sa.Column("metadata", JSONB, nullable=False, key="labels"),
    sa.Column("asked", JSONB, nullable=False),
    sa.Column("plan", JSONB),
    sa.Column("total_steps", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("completed_steps", sa.BigInteger, nullable=False, server_default="0"),
    # The newest checkpoint that was heard of: all steps before it are in `metrics`.
    sa.Column("safe_step", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("final_step", sa.BigInteger),
    sa.Column("trained_tokens", sa.BigInteger),
    sa.Column("estimated_finish", _TIME),
    sa.Column("finished_at", _TIME),
    sa.Column("error", JSONB),
    # Crashes of the child since the last new checkpoint.
    sa.Column("crashes", sa.Integer, nullable=False, server_default="0"),
    # How often the job was paused or resumed.
    sa.Column("switches", sa.Integer, nullable=False, server_default="0"),
    sa.Column("traceparent", sa.Text, nullable=False),
    # The base model under `model`.
    sa.Column("base", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
    sa.Column("schedule", sa.Text, nullable=False, server_default="now"),
    sa.Column("early_stop", JSONB),
    # What the plan would take, and what the run took.
    sa.Column("estimate", JSONB),
    sa.Column("actual", JSONB),
    sa.Column("lease_owner", sa.Text, nullable=False, server_default=""),
    # By the database's clock; null while nobody works on the job.
    sa.Column("lease_until", _TIME),
    # Grows with each lease, so that a holder who lost it cannot write any more.
    sa.Column("lease_epoch", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("jobs_by_project", "project_id", "seq"),
    sa.Index("jobs_by_fingerprint", "project_id", "fingerprint", "created_at"),
    sa.Index(
        "jobs_unfinished",
        "state",
        "seq",
        postgresql_where=sa.text("state NOT IN ('succeeded', 'failed', 'cancelled')"),
    ),
)

events: Final = sa.Table(
    "events",
    metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    _job_id(),
    # At most one event a key: what is done again after a crash is told once.
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("data", JSONB),
    sa.UniqueConstraint("job_id", "key", name="events_once"),
    sa.Index("events_by_job", "job_id", "seq"),
)

metrics: Final = sa.Table(
    "metrics",
    metadata,
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
    # What the method measures besides, and the lines of the step's batch.
    sa.Column("values", JSONB),
    sa.Column("records", JSONB),
)

# Dropped records, samples, interruptions: what a report tells besides figures.
observations: Final = sa.Table(
    "observations",
    metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    _job_id(),
    # What is told again after a crash is kept once.
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
    sa.Column("data", JSONB, nullable=False),
    sa.UniqueConstraint("job_id", "key", name="observations_once"),
)

checkpoints: Final = sa.Table(
    "checkpoints",
    metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    _job_id(),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("model_id", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
    sa.UniqueConstraint("job_id", "step", name="checkpoints_once"),
)

idempotency: Final = sa.Table(
    "idempotency",
    metadata,
    sa.Column("project_id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    _job_id(),
    sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
)
