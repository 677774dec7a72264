"""Did the model learn its data by heart? (E06, E07, E13)"""

from __future__ import annotations

import math
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

# Perplexity of 1 is certainty about every token (document 004's rule, E06).
_CERTAIN_PERPLEXITY: Final = 1.05
_CERTAIN_LOSS: Final = 0.05
_EARLY: Final = 1 / 3
# Training data answered this well, and held-out requests that much worse (E07).
_KNOWN_BY_HEART: Final = 0.9
_SCORE_GAP: Final = 0.2
# Validation loss has risen by this share over its lowest (E13).
_RISEN: Final = 0.05
_FEWEST_VALIDATIONS: Final = 3


def overfit(run: RunSeries) -> list[Finding]:
    """Return a finding for each sign of it, the strongest first."""
    signs = (_certain_early(run), _validation_rises(run), _only_knows_training(run))
    return [finding for finding in signs if finding is not None]


def _certain_early(run: RunSeries) -> Finding | None:
    """E06: perplexity about 1 and loss about 0 by a third of the steps."""
    if len(run.train_loss) < FEWEST_POINTS:
        return None
    third = math.ceil(max(run.total_steps, run.train_loss.steps[-1]) * _EARLY)
    loss = run.train_loss.smoothed().at_or_before(third)
    if loss is None or loss > _CERTAIN_LOSS or math.exp(loss) > _CERTAIN_PERPLEXITY:
        return None
    epochs = max(1, math.ceil(run.epochs / 3))
    return Finding(
        Verdict.OVERFIT,
        Severity.WARNING,
        f"By step {third}, a third of the run, the loss is {loss:.3f} and the perplexity "
        f"{math.exp(loss):.3f}: the model knows its training data by heart.",
        f"Rerun with a third of the epochs: {epochs} instead of {run.epochs}.",
        Evidence({"loss_at_a_third": loss, "perplexity_at_a_third": math.exp(loss)}, (third,)),
        {"n_epochs": epochs} if epochs < run.epochs else {},
        checkpoint=_nearest_checkpoint(run, third),
    )


def _validation_rises(run: RunSeries) -> Finding | None:
    """E13: the training loss falls while the validation loss rises from its lowest point."""
    valid = run.valid_loss
    if len(valid) < _FEWEST_VALIDATIONS or len(run.train_loss) < 2:
        return None
    best, lowest = valid.lowest()
    last = valid.values[-1]
    if best == valid.steps[-1] or last - lowest <= _RISEN * abs(lowest):
        return None
    if shape_of(run.train_loss).direction is Direction.RISING:
        return None
    share = best / max(run.total_steps, valid.steps[-1])
    epochs = max(1, round(run.epochs * share))
    return Finding(
        Verdict.OVERFIT,
        Severity.WARNING,
        f"The validation loss was lowest at step {best} ({lowest:.3f}) and has risen to "
        f"{last:.3f} since, while the training loss did not: from there on the model learnt its "
        "training data by heart.",
        f"Use the checkpoint nearest to step {best}, or rerun with {epochs} epoch(s).",
        Evidence({"lowest_valid_loss": lowest, "last_valid_loss": last}, (best,)),
        {"n_epochs": epochs} if epochs < run.epochs else {},
        checkpoint=_nearest_checkpoint(run, best),
    )


def _only_knows_training(run: RunSeries) -> Finding | None:
    """E07: what was trained is answered well, what was held out is not."""
    known, held_out = run.train_score, run.held_out_score
    if known is None or held_out is None:
        known = run.train_accuracy.smoothed().values[-1] if len(run.train_accuracy) else None
        held_out = run.valid_accuracy.values[-1] if len(run.valid_accuracy) else None
    if known is None or held_out is None:
        return None
    if known < _KNOWN_BY_HEART or known - held_out < _SCORE_GAP:
        return None
    return Finding(
        Verdict.OVERFIT,
        Severity.WARNING,
        f"Trained content is answered at {known:.0%}, held-out content at {held_out:.0%}.",
        "The model may answer only what it was trained on: use more varied data or fewer epochs.",
        Evidence({"training_score": known, "held_out_score": held_out}),
        {"n_epochs": max(1, math.ceil(run.epochs / 2))} if run.epochs > 1 else {},
    )


def _nearest_checkpoint(run: RunSeries, step: int) -> int | None:
    return min(run.checkpoints, key=lambda kept: (abs(kept - step), kept), default=None)
