"""A histogram that costs a search and two additions, made into samples when scraped.

An instrument of prometheus_client takes a lock and a look-up by label for each observation. Knows
no names and no labels.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """Counts of values by bucket, the last one without bound, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        """How many values were observed."""
        return sum(self.counts)

    def buckets(self, at_zero: int = 0) -> list[tuple[str, float]]:
        """Return the bounds with the counts up to them, as Prometheus wants them.

        `at_zero` more values were 0 and are counted elsewhere.
        """
        below = at_zero
        found: list[tuple[str, float]] = []
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            below += count
            found.append(("+Inf" if bound == float("inf") else str(bound), float(below)))
        return found
