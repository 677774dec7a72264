"""The trainer's metrics. Knows Prometheus; every label is from a closed list."""

from __future__ import annotations

from collections.abc import Mapping

from argosy.trainer.domain.evaluation.evaluation import EvaluationState
from argosy.trainer.domain.states import State
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class TrainerMetrics:
    """What the trainer counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._jobs = Gauge("argosy_trainer_jobs", "Jobs by status.", ["status"], registry=registry)
        self._queue = Gauge(
            "argosy_trainer_queue_jobs", "Jobs that wait for a slot.", registry=registry
        )
        self._steps = Histogram(
            "argosy_trainer_step_seconds",
            "Wall time of an optimizer step.",
            buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
            registry=registry,
        )
        self._tokens = Counter(
            "argosy_trainer_tokens", "Tokens trained on, repeated steps included.",
            registry=registry,
        )  # fmt: skip
        # A series for each run under way: at most as many as this trainer has slots.
        self._loss = Gauge(
            "argosy_trainer_run_loss", "Training loss of the newest step of a run under way.",
            ["job_id"], registry=registry,
        )  # fmt: skip
        self._done = Gauge(
            "argosy_trainer_run_progress_ratio", "Share of its steps that a run has made.",
            ["job_id"], registry=registry,
        )  # fmt: skip
        self._evaluations = Counter(
            "argosy_trainer_evaluations",
            "Evaluations that are answered, or ended before, by their status at that moment.",
            ["status"], registry=registry,
        )  # fmt: skip
        self._evaluation_seconds = Histogram(
            "argosy_trainer_evaluation_seconds",
            "Time from the creation of an evaluation until all its answers are measured.",
            buckets=(1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 14400),
            registry=registry,
        )
        self.restarts = Counter(
            "argosy_trainer_child_crashes", "Training children that ended unasked.",
            registry=registry,
        )  # fmt: skip
        self.publish_retries = Counter(
            "argosy_trainer_publish_retries",
            "Uploads of an adapter that the registry did not take and that were tried again.",
            registry=registry,
        )

    def step(self, seconds: float | None, tokens: int) -> None:
        """Count one step; `seconds` is None if its start was not seen."""
        if seconds is not None:
            self._steps.observe(seconds)
        self._tokens.inc(tokens)

    def progress(self, job_id: str, loss: float | None, share: float) -> None:
        """Show where a run stands."""
        if loss is not None:
            self._loss.labels(job_id).set(loss)
        self._done.labels(job_id).set(share)

    def run_ended(self, job_id: str) -> None:
        """Show the run no more; without effect for one that made no step."""
        for gauge in (self._loss, self._done):
            gauge.remove(job_id)

    def evaluation_ended(self, state: EvaluationState, seconds: float | None = None) -> None:
        """Count an evaluation; `seconds` is None for one that was not answered to its end."""
        self._evaluations.labels(status=state.value).inc()
        if seconds is not None:
            self._evaluation_seconds.observe(seconds)

    def census(self, counts: Mapping[State, int]) -> None:
        """Set the gauges to what the database holds."""
        by_status: dict[str, int] = {state.public: 0 for state in State}
        for state, count in counts.items():
            by_status[state.public] += count
        for status, count in by_status.items():
            self._jobs.labels(status=status).set(count)
        self._queue.set(counts.get(State.QUEUED, 0))
