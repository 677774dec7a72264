"""Whether a measured value grows: the slope of a line that outliers cannot pull.

The slope is the median over all pairs of points (P. K. Sen, J. Am. Stat. Assoc. 63, 1968).
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence


def growth(samples: Sequence[tuple[float, float]]) -> float:
    """Return by how much a value grows over the time of its samples of (seconds, value)."""
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for earlier, later in itertools.combinations(samples, 2)
        if later[0] > earlier[0]
    ]
    return statistics.median(slopes) * (samples[-1][0] - samples[0][0])
