"""The tables of evaluations: what was asked for, and each model's answer to each record."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from argosy.trainer.store.tables import metadata
from sqlalchemy.dialects.postgresql import JSONB

_TIME: Final = sa.DateTime(timezone=True)
_NOW: Final = sa.text("clock_timestamp()")

evaluations: Final = sa.Table(
    "evaluations",
    metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), unique=True, nullable=False),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("project_id", sa.Text, nullable=False),
    # Null for one that is of no job.
    sa.Column("job_id", sa.Text, sa.ForeignKey("jobs.id")),
    sa.Column("purpose", sa.Text, nullable=False),
    # Of one that nobody asked for: a job has each once.
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
    # Tries that ended because a peer was away, and when the next one is due.
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due_at", _TIME, nullable=False, server_default=_NOW),
    sa.Column("lease_until", _TIME),
    sa.Column("lease_epoch", sa.BigInteger, nullable=False, server_default="0"),
    sa.UniqueConstraint("job_id", "key", name="evaluations_once"),
    sa.UniqueConstraint("project_id", "idempotency_key", name="evaluations_keyed"),
    sa.Index("evaluations_by_project", "project_id", "seq"),
    sa.Index(
        "evaluations_unfinished",
        "due_at",
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    ),
)

evaluation_answers: Final = sa.Table(
    "evaluation_answers",
    metadata,
    sa.Column("evaluation_id", sa.Text, sa.ForeignKey("evaluations.id"), primary_key=True),
    # The model's place in the evaluation, and the record's line in its source.
    sa.Column("model", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("line", sa.BigInteger, primary_key=True, autoincrement=False),
    # Null while it was not asked for.
    sa.Column("text", sa.Text),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Column("seconds", sa.Double),
    sa.Column("prompt_tokens", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("completion_tokens", sa.BigInteger, nullable=False, server_default="0"),
    # Scores of the judge, the grader and the vectors; those of people.
    sa.Column("given", JSONB, nullable=False, server_default="{}"),
    sa.Column("manual", JSONB, nullable=False, server_default="{}"),
)

# The records that are answered, as they were read: JSON as text, since JSONB takes not all of it.
evaluation_cases: Final = sa.Table(
    "evaluation_cases",
    metadata,
    sa.Column("evaluation_id", sa.Text, sa.ForeignKey("evaluations.id"), primary_key=True),
    sa.Column("line", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("record", sa.Text, nullable=False),
)
