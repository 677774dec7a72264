"""Makes a report of what is stored of a job: rows into curves, observations into what they mean.

Pure. Does not know SQL or transport.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, Final

from argosy.api.records import COMPRESSION
from argosy.trainer.domain.diagnosis.diagnose import diagnose
from argosy.trainer.domain.diagnosis.findings import RunSeries
from argosy.trainer.domain.diagnosis.series import Series
from argosy.trainer.domain.evaluation.evaluation import Evaluation
from argosy.trainer.domain.job import Checkpoint, Job, MetricsRow, Observation
from argosy.trainer.reports import compression, evaluated
from argosy.trainer.reports.report import Dropped, KeptCheckpoint, Report

# The kinds of observations that a report tells, as the recorder writes them.
_DROPPED: Final = "dropped"
_INTERRUPTED: Final = "interruption"
_DRIFT: Final = "drift"
# A loss above this has no perplexity worth showing: the curve would be all spike.
_LARGEST_LOSS: Final = 20.0


def compile_report(
    job: Job,
    rows: Sequence[MetricsRow],
    checkpoints: Sequence[Checkpoint],
    observations: Sequence[Observation],
    evaluations: Sequence[Evaluation] = (),
) -> Report:
    """Return the report of a job, finished or not, from its rows in order of step."""
    curves = _curves(rows)
    plan = job.plan
    kept = sorted(checkpoints, key=lambda checkpoint: checkpoint.step)
    train_score, held_out_score = evaluated.scores(job.training_file, evaluations)
    run = RunSeries(
        total_steps=job.total_steps,
        epochs=plan.whole("n_epochs", 1) if plan else 1,
        train_loss=curves["train_loss"],
        valid_loss=curves["valid_loss"],
        train_accuracy=curves["train_mean_token_accuracy"],
        valid_accuracy=curves["valid_mean_token_accuracy"],
        records={row.step: tuple(row.records) for row in rows if row.records},
        checkpoints=tuple(checkpoint.step for checkpoint in kept),
        train_score=train_score,
        held_out_score=held_out_score,
    )
    drift = next((seen.data for seen in observations if seen.kind == _DRIFT), None)
    return Report(
        job_id=job.id,
        model=job.model,
        tuned_model=job.tuned_model if job.state.value == "succeeded" else "",
        status=job.state.public,
        method=f"{plan.method}, {plan.scale}" if plan else job.asked.method,
        created_at=job.created_at,
        finished_at=job.finished_at,
        estimated_finish=job.estimated_finish,
        total_steps=job.total_steps,
        completed_steps=job.completed_steps,
        trained_tokens=job.trained_tokens,
        tokens_per_second=_speed(rows),
        parameters=_parameters(job),
        data=_data(job),
        dropped=tuple(_dropped(seen.data) for seen in observations if seen.kind == _DROPPED),
        interruptions=tuple(
            seen.data["resumed_from"] for seen in observations if seen.kind == _INTERRUPTED
        ),
        curves=curves | evaluated.curves(evaluations),
        checkpoints=tuple(
            KeptCheckpoint(c.step, c.model_id, c.train_loss, c.valid_loss) for c in kept
        ),
        diagnosis=diagnose(run, evaluated.findings(job, evaluations, drift)),
        evaluations=evaluated.shown(evaluations),
        error=job.error.message if job.error else "",
        notes=_notes(job, rows),
    )


def _curves(rows: Sequence[MetricsRow]) -> dict[str, Series]:
    def column(value: Callable[[MetricsRow], float | None]) -> Series:
        return Series.of((row.step, value(row)) for row in rows)

    curves = {
        "train_loss": column(lambda row: row.train_loss),
        "valid_loss": column(lambda row: row.valid_loss),
        "perplexity": column(lambda row: _perplexity(row.train_loss)),
        "valid_perplexity": column(lambda row: _perplexity(row.valid_loss)),
        "train_mean_token_accuracy": column(lambda row: row.train_mean_token_accuracy),
        "valid_mean_token_accuracy": column(lambda row: row.valid_mean_token_accuracy),
        "learning_rate": column(lambda row: row.learning_rate),
        "grad_norm": column(lambda row: row.grad_norm),
        "tokens_per_second": column(lambda row: row.tokens_per_second),
    }
    for name in sorted({name for row in rows for name in row.values or ()} - curves.keys()):
        curves[name] = column(lambda row, name=name: (row.values or {}).get(name))  # type: ignore[misc]
    return curves


def _perplexity(loss: float | None) -> float | None:
    return None if loss is None or loss > _LARGEST_LOSS else math.exp(loss)


def _speed(rows: Sequence[MetricsRow]) -> float | None:
    known = [row.tokens_per_second for row in rows if row.tokens_per_second is not None]
    return fmean(known) if known else None


def _parameters(job: Job) -> dict[str, object]:
    if job.plan is None:
        return {}
    told = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in job.plan.values.items()
    }
    return {**told, "seed": job.seed}


def _data(job: Job) -> tuple[dict[str, object], ...]:
    sources: list[dict[str, object]] = [{"source": job.training_file, "use": "training"}]
    sources += [
        {
            "source": further.source,
            "use": "training",
            "rate": further.rate,
            "records": further.records,
            "why": further.why,
        }
        for further in (job.plan.sources if job.plan else ())
    ]
    if job.validation_file:
        sources.append({"source": job.validation_file, "use": "validation"})
    return tuple(sources)


def _dropped(data: Any) -> Dropped:
    return Dropped(data["count"], tuple(data["lines"]), data["reason"])


def _notes(job: Job, rows: Sequence[MetricsRow]) -> tuple[str, ...]:
    if job.asked.method == COMPRESSION:
        return tuple(compression.sentences((rows[-1].values if rows else None) or {}))
    if job.early_stop is None:
        return ()
    return (
        f"stopped early at step {job.early_stop.step}: validation was best at step "
        f"{job.early_stop.best_step}",
    )
