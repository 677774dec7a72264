"""What a diagnosis is made of: verdicts, evidence, advice. Data and words only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from argosy.trainer.domain.diagnosis.series import Series


class Verdict(StrEnum):
    """What a finding says of the run; closed, as clients branch on it."""

    CONVERGED = "converged"
    # Loss is still falling at the last step.
    UNFINISHED = "unfinished"
    # Loss rises, or never fell.
    NOT_CONVERGED = "not_converged"
    OVERFIT = "overfit"
    # Single steps stand out: their records are worth a look.
    JITTER = "jitter"
    # Training and validation are fine together: evaluate the model.
    EVALUATE = "evaluate"
    TOO_SHORT = "too_short"
    # What evaluations say, which compare answers and not curves.
    WORSE = "worse"
    FORGOT = "forgot"
    NO_GAIN = "no_gain"
    IMPROVED = "improved"
    KEPT = "kept"
    DRIFTED = "drifted"


class Severity(StrEnum):
    GOOD = "good"
    ADVICE = "advice"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a finding rests on: numbers by name, steps, and lines of the training data."""

    numbers: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    steps: tuple[int, ...] = ()
    records: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the curves say. `changes` are parameters for a rerun, by public name.

    `checkpoint` is the step whose checkpoint serves better than the last one, if any.
    """

    verdict: Verdict
    severity: Severity
    summary: str
    advice: str
    evidence: Evidence = Evidence()
    changes: Mapping[str, float | int] = field(default_factory=lambda: MappingProxyType({}))
    checkpoint: int | None = None


@dataclass(frozen=True, slots=True)
class RunSeries:
    """A run as the diagnosis sees it.

    Losses are mean negative log-likelihoods in nats a token, accuracies shares in [0, 1].
    `records` maps a step to the lines of the training data in its batch. Scores are those of an
    evaluation on the training and on held-out requests, in [0, 1], where there was one.
    """

    total_steps: int
    epochs: int
    train_loss: Series
    valid_loss: Series = field(default_factory=Series)
    train_accuracy: Series = field(default_factory=Series)
    valid_accuracy: Series = field(default_factory=Series)
    records: Mapping[int, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    checkpoints: tuple[int, ...] = ()
    train_score: float | None = None
    held_out_score: float | None = None


# Fewer points than these are noise and not a curve.
FEWEST_POINTS: Final = 8
