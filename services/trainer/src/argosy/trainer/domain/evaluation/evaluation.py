"""An evaluation: which models answer which records, what was asked for, where it stands.

    queued → running → awaiting_scores → succeeded
        └──────┴───────────────┴→ cancelled | failed

Knows states and shapes. Does not know rows, messages or the gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from argosy.trainer.domain.evaluation.cases import CLOSED, OPEN, TaskType
from argosy.trainer.domain.evaluation.opinions import (
    JUDGE_METRIC,
    JUDGE_RANGE,
    MANUAL_DIMENSION,
    MANUAL_RANGE,
)
from argosy.trainer.domain.job import JobError

MAX_RECORDS: Final = 1000
MAX_MODELS: Final = 12

# Why there is one: somebody asked, or a job ended that calls for it.
ASKED: Final = "asked"
AGAINST_PARENT: Final = "against_parent"
FORGETTING: Final = "forgetting"

# What a model is to the job; `other` to none.
BASE: Final = "base"
RESULT: Final = "result"
CHECKPOINT: Final = "checkpoint"
OTHER: Final = "other"


class EvaluationState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    # All is answered; people have scores to give.
    AWAITING_SCORES = "awaiting_scores"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED: Final = (
    EvaluationState.QUEUED,
    EvaluationState.RUNNING,
    EvaluationState.AWAITING_SCORES,
)


@dataclass(frozen=True, slots=True)
class EvaluatedModel:
    """`step` is the optimizer step of a checkpoint or a result, 0 for others."""

    model: str
    role: str
    step: int = 0


@dataclass(frozen=True, slots=True)
class Judge:
    """A served model that gives each answer a score in `span`."""

    model: str
    metric: str = JUDGE_METRIC
    instructions: str = ""
    span: tuple[float, float] = JUDGE_RANGE

    def grader(self) -> dict[str, Any]:
        """Return the grader in OpenAI's form that asks it."""
        low, high = self.span
        return {
            "type": "score_model",
            "name": "judge",
            "model": self.model,
            "range": [low, high],
            "input": [
                {
                    "role": "user",
                    "content": f"Score an answer from {low:g} (useless) to {high:g} (as good as "
                    f"can be) by this criterion: {self.metric}.\n{self.instructions}\n\n"
                    "Question:\n{{ item.question }}\n\nReference answer:\n{{ item.reference }}\n\n"
                    "Answer to score:\n{{ sample.output_text }}\n\n"
                    'Reply with JSON: {"result": <number>}',
                }
            ],
        }


@dataclass(frozen=True, slots=True)
class Manual:
    """What people score, with whole numbers in `span`."""

    dimensions: tuple[str, ...] = (MANUAL_DIMENSION,)
    span: tuple[int, int] = MANUAL_RANGE


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for. `source` is a file, a published version, or a data set, of which the
    newest published version is taken. Empty `task_type`: as the references are."""

    source: str
    models: tuple[str, ...] = ()
    task_type: str = ""
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    grader: Mapping[str, Any] | None = None
    judge: Judge | None = None
    manual: Manual | None = None
    embedding_model: str = ""
    system: str = ""
    max_records: int = 200
    max_completion_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Wish:
        values = dict(stored)
        values["models"] = tuple(values.get("models", ()))
        values["labels"] = {k: tuple(v) for k, v in values.get("labels", {}).items()}
        if (judge := values.get("judge")) is not None:
            values["judge"] = Judge(**_given(judge))
        if (manual := values.get("manual")) is not None:
            values["manual"] = Manual(**_given(manual))
        return cls(**values)


def _given(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return what has a value; lists are tuples."""
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in stored.items()
        if value is not None
    }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation. `total` and `answered` count answers of all models; both are 0 until the
    records were read. `held` tells whether somebody works on it right now."""

    id: str
    project_id: str
    job_id: str
    purpose: str
    created_at: datetime
    finished_at: datetime | None
    state: EvaluationState
    wish: Wish
    models: tuple[EvaluatedModel, ...]
    # The file or version that was read; empty before.
    source: str
    task_type: str
    total: int
    answered: int
    failed: int
    result: Mapping[str, Any] | None
    error: JobError | None
    attempts: int
    epoch: int
    held: bool

    @property
    def task(self) -> TaskType:
        return CLOSED if self.task_type == CLOSED else OPEN

    @property
    def older_state(self) -> str:
        """Return the word that the platform before had for where it stands."""
        if self.state is EvaluationState.CANCELLED and self.held:
            return "Stopping"
        if self.state is EvaluationState.SUCCEEDED and self.failed:
            return "PartlyDone"
        return _OLDER[self.state]


_OLDER: Final = {
    EvaluationState.QUEUED: "Pending",
    EvaluationState.RUNNING: "Doing",
    EvaluationState.AWAITING_SCORES: "DoingWithManualBegin",
    EvaluationState.SUCCEEDED: "Done",
    EvaluationState.FAILED: "Failed",
    EvaluationState.CANCELLED: "Stopped",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One model's answer to one record. `text` is None while it was not asked; `error` says why
    there is no answer. `given` are scores of the judge, the grader and the vectors, `manual` those
    of people by dimension."""

    model: int
    line: int
    text: str | None
    error: str = ""
    seconds: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    given: Mapping[str, float] = field(default_factory=dict)
    manual: Mapping[str, int] = field(default_factory=dict)
