"""Counts of numbers and names, as charts show them. Bounded, whatever comes."""

from __future__ import annotations

import bisect
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from argosy.registry.datasets.operators.insight.filters import between, equal_to

RATIO_EDGES: Final = tuple(step / 20 for step in range(21))
TOKEN_EDGES: Final = (0, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
PERPLEXITY_EDGES: Final = (1, 10, 20, 30, 50, 100, 200, 500, 1_000, 10_000)

# Names beyond so many are counted together; a chart shows the first few of them.
_NAMES: Final = 10_000
_SHOWN: Final = 50


class Histogram:
    """How many numbers lie between the edges; the last bar is open."""

    def __init__(self, trait: str, edges: Sequence[float]) -> None:
        self._trait = trait
        self._edges = edges
        self._counts = [0] * len(edges)

    def add(self, value: float) -> None:
        """Count a number; one under the first edge counts in the first bar."""
        self._counts[max(bisect.bisect_right(self._edges, value) - 1, 0)] += 1

    def bars(self) -> list[dict[str, Any]]:
        """Return the bars up to the last that is not empty, each with its filter."""
        last = max((i for i, count in enumerate(self._counts) if count), default=-1)
        highs = [*self._edges[1:], None]
        return [
            {
                "low": self._edges[index],
                "high": highs[index],
                "count": self._counts[index],
                "filter": between(self._trait, self._edges[index], highs[index]),
            }
            for index in range(last + 1)
        ]


class Lengths:
    """Whole numbers, counted one by one: exact quantiles."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()

    def add(self, value: int, times: int = 1) -> None:
        """Count a number."""
        self.counts[value] += times

    def quantile(self, share: float) -> int:
        """Return the smallest number that `share` of all do not exceed; 0 without numbers."""
        wanted = math.ceil(share * self.counts.total())
        seen = 0
        for value in sorted(self.counts):
            seen += self.counts[value]
            if seen >= wanted:
                return value
        return 0

    def share_over(self, bound: int) -> float:
        """Return which share is greater than `bound`."""
        total = self.counts.total()
        over = sum(count for value, count in self.counts.items() if value > bound)
        return over / total if total else 0.0

    @property
    def total(self) -> int:
        """Return the sum of all numbers."""
        return sum(value * count for value, count in self.counts.items())


class Names:
    """How often each name came."""

    def __init__(self, trait: str) -> None:
        self._trait = trait
        self.counts: Counter[str] = Counter()
        self.others = 0

    def add(self, name: str) -> None:
        """Count a name; new ones beyond the bound are counted together."""
        if name in self.counts or len(self.counts) < _NAMES:
            self.counts[name] += 1
        else:
            self.others += 1

    def bars(self) -> list[dict[str, Any]]:
        """Return the most frequent names, each with its filter."""
        return [
            {"name": name, "count": count, "filter": equal_to(self._trait, name)}
            for name, count in self.counts.most_common(_SHOWN)
        ]


def evenness(counts: Mapping[str, int]) -> float:
    """Return how evenly names are covered, from 0 (one name) to 1 (all alike).

    Pielou's index: the entropy of the shares over the largest it could be.
    """
    total = sum(counts.values())
    if len(counts) < 2 or not total:
        return 0.0
    shares = [count / total for count in counts.values() if count]
    entropy = -sum(share * math.log(share) for share in shares)
    return entropy / math.log(len(counts))
