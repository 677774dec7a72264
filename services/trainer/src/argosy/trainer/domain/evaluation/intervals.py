"""How sure a figure is: percentile intervals by the bootstrap, and of differences in pairs.

Efron, "Bootstrap Methods: Another Look at the Jackknife" (1979); for systems on the same records,
Koehn, "Statistical Significance Tests for Machine Translation Evaluation" (2004): both are drawn
with the same records each time. Seeded: the same records give the same interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final, TypeVar

T = TypeVar("T")

DRAWS: Final = 500
CONFIDENCE: Final = 0.95

Interval = tuple[float, float]


def draws(records: int, seed: int, count: int = DRAWS) -> list[list[int]]:
    """Return `count` samples of all places, drawn with putting back."""
    chance = Random(seed)  # noqa: S311 - to be repeated, no secret
    places = range(records)
    return [chance.choices(places, k=records) for _ in range(count)]


def interval(
    rows: Sequence[T], value: Callable[[Sequence[T]], float], samples: Sequence[Sequence[int]]
) -> Interval:
    """Return where `value` lies in 95 of 100 samples of the rows."""
    return _middle([value([rows[place] for place in sample]) for sample in samples])


def difference(
    rows: Sequence[T],
    others: Sequence[T],
    value: Callable[[Sequence[T]], float],
    samples: Sequence[Sequence[int]],
) -> Interval:
    """Return where the difference of `rows` to `others` lies; both are of the same records."""
    return _middle(
        [
            value([rows[place] for place in sample]) - value([others[place] for place in sample])
            for sample in samples
        ]
    )


def _middle(values: list[float]) -> Interval:
    values.sort()
    edge = (1 - CONFIDENCE) / 2
    last = len(values) - 1
    return values[round(edge * last)], values[round((1 - edge) * last)]
