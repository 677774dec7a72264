"""Two models on the same records: by how much they differ, how surely, and on how many records.

Knows scores. Does not know which model is the tuned one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from argosy.trainer.domain.evaluation.catalogue import METRICS
from argosy.trainer.domain.evaluation.intervals import Interval, difference, draws
from argosy.trainer.domain.evaluation.scoring import Scored, values_of

_NAMED: Final = 20


class Outcome(StrEnum):
    """Closed, as clients branch on it."""

    BETTER = "better"
    WORSE = "worse"
    # The interval holds 0: the records do not tell.
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Delta:
    """The model's value minus the other's, with its 95 % interval."""

    value: float
    interval: Interval
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Comparison:
    """`wins`, `ties` and `losses` count records by the headline metric; `lost` are the first lines
    of the last. `records` are those that both answered."""

    deltas: Mapping[str, Delta]
    records: int
    wins: int
    ties: int
    losses: int
    lost: tuple[int, ...] = ()


def compare(
    rows: Sequence[Scored], others: Sequence[Scored], headline: str, seed: int
) -> Comparison | None:
    """Return how `rows` stand to `others`; None if no record was answered by both."""
    by_line = {row.line: row for row in others}
    pairs = [(row, by_line[row.line]) for row in rows if row.line in by_line]
    if not pairs:
        return None
    ours, theirs = [one for one, _ in pairs], [other for _, other in pairs]
    samples = draws(len(pairs), seed)
    known = values_of(theirs).keys()
    deltas = {}
    for name, value in values_of(ours).items():
        if name in known:
            spread = difference(ours, theirs, value, samples)
            deltas[name] = Delta(value(ours) - value(theirs), spread, _outcome(name, spread))
    sign = 1 if METRICS[headline].higher_is_better else -1
    apart = {
        one.line: sign * (one.scores[headline] - other.scores[headline])
        for one, other in pairs
        if headline in one.scores and headline in other.scores
    }
    lost = [line for line, each in apart.items() if each < 0]
    return Comparison(
        deltas,
        len(pairs),
        wins=sum(each > 0 for each in apart.values()),
        ties=sum(each == 0 for each in apart.values()),
        losses=len(lost),
        lost=tuple(lost[:_NAMED]),
    )


def _outcome(name: str, spread: Interval) -> Outcome:
    low, high = spread
    if low <= 0 <= high:
        return Outcome.UNDECIDED
    return Outcome.BETTER if (low > 0) is METRICS[name].higher_is_better else Outcome.WORSE
