"""All methods of tuning: what was asked and planned in general form, and what else was measured."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("base", sa.Text))
    op.execute("UPDATE jobs SET base = model")
    op.alter_column("jobs", "base", nullable=False)
    op.add_column("jobs", sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("schedule", sa.Text, nullable=False, server_default="now"))
    op.add_column("jobs", sa.Column("early_stop", JSONB))
    # What was asked and planned was LoRA by supervised tuning, with the parameters on their own.
    op.execute(
        "UPDATE jobs SET asked = jsonb_build_object("
        "'method', 'sft', 'scale', 'lora', 'parameters', jsonb_strip_nulls(asked))"
    )
    op.execute(
        "UPDATE jobs SET plan = jsonb_build_object("
        "'method', 'sft', 'scale', 'lora', 'values', jsonb_strip_nulls(plan)) "
        "WHERE plan IS NOT NULL AND jsonb_typeof(plan) = 'object'"
    )
    op.add_column("metrics", sa.Column("values", JSONB))
    op.add_column("metrics", sa.Column("records", JSONB))
    op.create_table(
        "observations",
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("job_id", sa.Text, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("clock_timestamp()"),
        ),
        sa.Column("data", JSONB, nullable=False),
        sa.UniqueConstraint("job_id", "key", name="observations_once"),
    )
