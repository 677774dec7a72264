"""What a report holds: the run, its parameters, its curves, and the diagnosis of them.

Data only. Does not know where the rows come from or how a report is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from argosy.trainer.domain.diagnosis.diagnose import Diagnosis
from argosy.trainer.domain.diagnosis.series import Series


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A checkpoint that can be called by name, with what was measured at its step."""

    step: int
    model: str
    train_loss: float | None
    valid_loss: float | None


@dataclass(frozen=True, slots=True)
class Dropped:
    """Records that were left out of training: how many, the first lines, and why."""

    count: int
    lines: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """`curves` are by name, in the order in which they are shown. `interruptions` are steps at
    which training began again after its process had ended unasked."""

    job_id: str
    model: str
    tuned_model: str
    status: str
    method: str
    created_at: datetime
    finished_at: datetime | None
    # A guess while the job runs.
    estimated_finish: datetime | None
    total_steps: int
    completed_steps: int
    trained_tokens: int | None
    tokens_per_second: float | None
    parameters: Mapping[str, object]
    data: Sequence[Mapping[str, object]]
    dropped: tuple[Dropped, ...]
    interruptions: tuple[int, ...]
    curves: Mapping[str, Series]
    checkpoints: tuple[KeptCheckpoint, ...]
    diagnosis: Diagnosis
    error: str = ""
    notes: tuple[str, ...] = field(default=())
    # As they are stored, oldest first.
    evaluations: tuple[Mapping[str, Any], ...] = field(default=())
