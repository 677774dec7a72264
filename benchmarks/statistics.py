"""Middle values, ratios and slopes of what was measured. Pure: knows numbers, not what they are."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Final

# Of the normal distribution: a level that only fluctuates is taken for growth once in a hundred.
_SURE: Final = 2.33


def median(values: Sequence[float]) -> float | None:
    """Return the middle value, or None of nothing: what was not measured is not 0."""
    return statistics.median(values) if values else None


def ratio(value: float | None, base: float | None) -> float | None:
    """Return `value` / `base`, or None if one is missing or the base is not above 0."""
    if value is None or base is None or base <= 0:
        return None
    return value / base


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """Return the growth of `values` per unit of `times`: the median of all pairs' slopes.

    Theil and Sen's estimator: up to 29 % of the points may be outliers without moving it, as
    happens to memory when a collector runs. 0.0 for fewer than two points in time.
    """
    slopes = _slopes(times, values)
    return statistics.median(slopes) if slopes else 0.0


def least_slope(times: Sequence[float], values: Sequence[float]) -> float:
    """Return what the growth of `values` is at least: the lower end of Sen's interval, 99 %.

    The more values fluctuate, and the fewer there are, the lower it is; -inf if nothing can be
    told. Ties make it lower than it need be.
    """
    slopes, count = _slopes(times, values), len(times)
    spread = _SURE * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    rank = math.floor((len(slopes) - spread) / 2)
    return slopes[rank] if 0 <= rank < len(slopes) else -math.inf


def _slopes(times: Sequence[float], values: Sequence[float]) -> list[float]:
    """Return the slopes of all pairs of points, the least first."""
    points = sorted(zip(times, values, strict=True))
    return sorted(
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for at, earlier in enumerate(points)
        for later in points[at + 1 :]
        if later[0] > earlier[0]
    )
