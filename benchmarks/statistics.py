"""Middle values, ratios and slopes of what was measured. Pure: knows numbers, not what they are."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


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
    pairs = zip(times, values, strict=True)
    points = sorted(pairs)
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for at, earlier in enumerate(points)
        for later in points[at + 1 :]
        if later[0] > earlier[0]
    ]
    return statistics.median(slopes) if slopes else 0.0
