"""Training and validation loss read together. (E10, E11, E12)"""

from __future__ import annotations

from typing import Final

from argosy.trainer.domain.diagnosis.convergence import Direction, shape_of
from argosy.trainer.domain.diagnosis.findings import (
    FEWEST_POINTS,
    Evidence,
    Finding,
    RunSeries,
    Severity,
    Verdict,
)

_FEWEST_VALIDATIONS: Final = 3


def gap(run: RunSeries) -> float | None:
    """Return validation loss minus training loss at the last validation, in nats a token."""
    if not len(run.valid_loss) or not len(run.train_loss):
        return None
    train = run.train_loss.smoothed().at_or_before(run.valid_loss.steps[-1])
    return None if train is None else run.valid_loss.values[-1] - train


def together(run: RunSeries) -> Finding | None:
    """Return the finding if both curves are flat, or both still fall."""
    if len(run.train_loss) < FEWEST_POINTS or len(run.valid_loss) < _FEWEST_VALIDATIONS:
        return None
    train, valid = shape_of(run.train_loss), shape_of(run.valid_loss)
    if not train.fell:
        return None
    evidence = Evidence({"generalisation_gap": gap(run) or 0.0})
    if train.direction is Direction.FLAT and valid.direction is Direction.FLAT:
        return Finding(
            Verdict.EVALUATE,
            Severity.GOOD,
            "Training and validation loss have both come to rest.",
            "Evaluate the model on held-out requests: that decides whether it is good enough.",
            evidence,
        )
    if train.direction is Direction.FALLING and valid.direction is Direction.FALLING:
        return Finding(
            Verdict.UNFINISHED,
            Severity.ADVICE,
            "Training and validation loss are both still falling.",
            "Train longer, or raise the learning rate a little: there is more to learn.",
            evidence,
            {"n_epochs": run.epochs + max(1, run.epochs // 2)},
        )
    return None
