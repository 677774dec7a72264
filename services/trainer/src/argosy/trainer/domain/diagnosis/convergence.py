"""Did the training loss come down, and to rest? (E02 to E05, E09)

Source of the rules: the user's document on reading training reports: a healthy curve falls
clearly and is flat then, and it becomes flat in the second half of the run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from argosy.trainer.domain.diagnosis.findings import (
    FEWEST_POINTS,
    Evidence,
    Finding,
    RunSeries,
    Severity,
    Verdict,
)
from argosy.trainer.domain.diagnosis.series import Series

# The last stretch is flat if it changes by less than this share of the curve's whole range.
FLAT: Final = 0.05
# The stretch of the run whose slope decides.
LAST: Final = 0.25
# A curve has fallen if it lost this share of where it began.
_CLEARLY: Final = 0.05
# Standard errors that make a difference more than chance.
_SURE: Final = 3.0
# Flat from this share of the run on is "on time"; before it, epochs were spent on nothing.
_ON_TIME: Final = 0.5


class Direction(StrEnum):
    FALLING = "falling"
    FLAT = "flat"
    RISING = "rising"


@dataclass(frozen=True, slots=True)
class Shape:
    """Where a loss curve began, how low it came, where it ended and where it is heading."""

    begin: float
    low: float
    end: float
    last_change: float
    direction: Direction
    # The standard error of the difference between `begin` and `end`.
    uncertainty: float

    @property
    def fell(self) -> bool:
        return self.begin - self.end > max(_CLEARLY * abs(self.begin), _SURE * self.uncertainty)


def shape_of(series: Series) -> Shape:
    """Read a loss curve's shape off its smoothed form. Needs at least two points."""
    smooth, noise = series.smoothed(), series.noise()
    share = series.window() / len(series)
    begin, end = series.part(0, share).median(), series.part(1 - share, 1).median()
    low = min(end, *smooth.values)
    span = max(max(smooth.values) - low, _CLEARLY * abs(begin))
    last = series.part(1 - LAST, 1)
    change = last.change()
    # The standard error of the change along a line through n points is about noise · √(12 / n).
    tolerance = max(FLAT * span, _SURE * noise * math.sqrt(12 / len(last)))
    if change > tolerance:
        direction = Direction.RISING
    elif change < -tolerance:
        direction = Direction.FALLING
    else:
        direction = Direction.FLAT
    # A median's standard error is 1.25 times a mean's; the difference of two is wider by √2.
    return Shape(begin, low, end, change, direction, 1.77 * noise / math.sqrt(series.window()))


def settled_at(series: Series) -> int | None:
    """Return the step from which on the smoothed loss stays near its end, None if it never does."""
    smooth = series.smoothed()
    end = smooth.part(0.9, 1).mean()
    near = FLAT * max(max(smooth.values) - min(smooth.values), 1e-12)
    settled = None
    for step, value in zip(reversed(smooth.steps), reversed(smooth.values), strict=True):
        if abs(value - end) > max(near, 2 * series.noise()):
            break
        settled = step
    return settled


def convergence(run: RunSeries) -> Finding:
    """Return what the training loss says of convergence."""
    loss = run.train_loss
    if len(loss) < FEWEST_POINTS:
        return Finding(
            Verdict.TOO_SHORT,
            Severity.ADVICE,
            f"The run has {len(loss)} measured steps, too few to judge a curve.",
            f"Train for at least {FEWEST_POINTS} steps, or judge the model by an evaluation.",
            Evidence({"steps": len(loss)}),
        )
    shape = shape_of(loss)
    numbers = {
        "first_loss": shape.begin,
        "lowest_loss": shape.low,
        "last_loss": shape.end,
        "change_in_last_quarter": shape.last_change,
    }
    if shape.direction is Direction.RISING or not shape.fell:
        return _not_converged(run, shape, numbers)
    if shape.direction is Direction.FALLING:
        return Finding(
            Verdict.UNFINISHED,
            Severity.ADVICE,
            "The training loss is still falling at the last step.",
            "Train for more epochs or on more data: the model has not learnt all that it can.",
            Evidence(numbers, steps=(loss.steps[-1],)),
            {"n_epochs": max(run.epochs + 1, math.ceil(run.epochs * 1.5))},
        )
    return _converged(run, numbers)


def _not_converged(run: RunSeries, shape: Shape, numbers: dict[str, float]) -> Finding:
    rising = shape.direction is Direction.RISING
    return Finding(
        Verdict.NOT_CONVERGED,
        Severity.WARNING,
        "The training loss is rising." if rising else "The training loss did not come down.",
        "The run did not converge: give it more data or more epochs. If it still rises, halve the "
        "learning rate.",
        Evidence(numbers, steps=(run.train_loss.steps[-1],)),
        {"n_epochs": run.epochs + 1, "learning_rate_factor": 0.5 if rising else 1.0},
    )


def _converged(run: RunSeries, numbers: dict[str, float]) -> Finding:
    step = settled_at(run.train_loss) or run.train_loss.steps[-1]
    share = step / max(run.total_steps, run.train_loss.steps[-1])
    evidence = Evidence({**numbers, "converged_at_share": round(share, 3)}, steps=(step,))
    if share >= _ON_TIME or run.epochs <= 1:
        return Finding(
            Verdict.CONVERGED,
            Severity.GOOD,
            f"The training loss fell and has been flat since step {step}, {share:.0%} of the run: "
            "on time.",
            "Evaluate the model on requests that it was not trained on.",
            evidence,
        )
    fewer = max(1, math.ceil(run.epochs * min(1.0, share / 0.7)))
    return Finding(
        Verdict.CONVERGED,
        Severity.ADVICE,
        f"The training loss has been flat since step {step}, {share:.0%} of the run: early.",
        f"Consider fewer epochs: {fewer} instead of {run.epochs} would have been enough.",
        evidence,
        {"n_epochs": fewer} if fewer < run.epochs else {},
    )
