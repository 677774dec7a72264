"""Tuning jobs: how many, how fast, how well."""

from __future__ import annotations

from typing import Final

from dashboards.board import Board, Graph, Number, Query

_STEPS: Final = "rate(argosy_trainer_step_seconds_bucket[$__rate_interval])"
_TOKENS: Final = "rate(argosy_trainer_tokens_total[$__rate_interval])"

BOARD: Final = Board(
    name="tuning",
    title="Tuning",
    rows=(
        (
            "Jobs",
            (
                Number("Running", "short", 'max(argosy_trainer_jobs{status="running"})'),
                Number("Queued", "short", "max(argosy_trainer_queue_jobs)"),
                Number("Succeeded", "short", 'max(argosy_trainer_jobs{status="succeeded"})'),
                Number("Failed", "short", 'max(argosy_trainer_jobs{status="failed"})'),
            ),
        ),
        (
            "Runs",
            (
                Graph(
                    "Training loss",
                    "none",
                    (Query("argosy_trainer_run_loss", "{{job_id}}"),),
                    description="Runs under way; a job's events keep the whole curve.",
                ),
                Graph(
                    "Progress",
                    "percentunit",
                    (Query("argosy_trainer_run_progress_ratio", "{{job_id}}"),),
                ),
                Graph(
                    "Time of a step",
                    "s",
                    (
                        Query(f"histogram_quantile(0.5, sum by (le) ({_STEPS}))", "p50"),
                        Query(f"histogram_quantile(0.95, sum by (le) ({_STEPS}))", "p95"),
                    ),
                ),
                Graph(
                    "Tokens trained a second",
                    "short",
                    (
                        Query(
                            f"sum by (instance) ({_TOKENS})",
                            "{{instance}}",
                        ),
                    ),
                ),
                Graph(
                    "Jobs by status",
                    "short",
                    (Query("max by (status) (argosy_trainer_jobs)", "{{status}}"),),
                    stacked=True,
                ),
                Graph(
                    "Trouble in the last hour",
                    "short",
                    (
                        Query(
                            "sum(increase(argosy_trainer_child_crashes_total[1h]))",
                            "children that crashed",
                        ),
                        Query(
                            "sum(increase(argosy_trainer_publish_retries_total[1h]))",
                            "uploads tried again",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
