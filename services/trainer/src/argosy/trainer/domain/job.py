"""A tuning job as data, with what it produces.

Knows what a job is. Does not know rows, messages or processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from argosy.trainer.domain.asked import Asked
from argosy.trainer.domain.cost import Cost
from argosy.trainer.domain.plan import Plan
from argosy.trainer.domain.states import State


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed. `param` names the field at fault; empty if none."""

    code: str
    message: str
    param: str = ""


@dataclass(frozen=True, slots=True)
class EarlyStop:
    """Validation brought nothing better for long: where the run ended, and where it was best."""

    step: int
    best_step: int


@dataclass(frozen=True, slots=True)
class Job:
    """One job.

    `model` is what training starts from: the base model `base`, or one that was tuned from it.
    `tuned_model` is the name that its result will have, fixed from the start. `safe_step` is the
    newest checkpoint that all is known of what came before it.
    """

    id: str
    project_id: str
    organization_slug: str
    key_id: str
    created_at: datetime
    state: State
    model: str
    base: str
    tuned_model: str
    training_file: str
    validation_file: str
    result_file: str
    suffix: str
    seed: int
    metadata: Mapping[str, str]
    asked: Asked
    plan: Plan | None
    total_steps: int
    completed_steps: int
    safe_step: int
    final_step: int | None
    early_stop: EarlyStop | None
    estimate: Cost | None
    actual: Cost | None
    trained_tokens: int | None
    estimated_finish: datetime | None
    finished_at: datetime | None
    error: JobError | None
    crashes: int
    switches: int
    traceparent: str

    @property
    def files(self) -> tuple[str, ...]:
        """The ids of the files and data-set versions that it needs."""
        further = self.plan.sources if self.plan else self.asked.data
        named = (self.training_file, self.validation_file, *(s.source for s in further))
        return tuple(filter(None, named))


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a job until it lapses. `epoch` fences off the holders before."""

    job_id: str
    owner: str
    epoch: int


@dataclass(frozen=True, slots=True)
class MetricsRow:
    """What is known of one optimizer step."""

    step: int
    train_loss: float | None
    train_mean_token_accuracy: float | None
    learning_rate: float | None
    tokens: int
    tokens_per_second: float | None
    valid_loss: float | None
    valid_mean_token_accuracy: float | None
    grad_norm: float | None = None
    values: Mapping[str, float] | None = None
    records: list[int] | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen besides figures; `kind` is one of `observations`."""

    kind: str
    created_at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class JobEvent:
    id: str
    created_at: datetime
    level: str
    message: str
    type: str
    data: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A published checkpoint with the metrics of its step."""

    id: str
    created_at: datetime
    job_id: str
    model_id: str
    step: int
    train_loss: float | None
    train_mean_token_accuracy: float | None
    valid_loss: float | None
    valid_mean_token_accuracy: float | None
