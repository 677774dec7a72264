"""What judges say, people or a model: means, spread, shares of scores.

Scores of a judge lie from 0 to 5 unless asked otherwise, those of people from 0 to 2. Knows no
answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, pstdev
from typing import Final

JUDGE_RANGE: Final = (0.0, 5.0)
JUDGE_METRIC: Final = "综合得分"
MANUAL_RANGE: Final = (0, 2)
MANUAL_DIMENSION: Final = "满意度"


@dataclass(frozen=True, slots=True)
class Opinion:
    """`spread` is the standard deviation; `distribution` maps whole scores to shares, rounded down
    to the score that was surely reached; `good` is the share of the best whole score."""

    records: int
    average: float
    spread: float
    median: float
    distribution: dict[str, float]
    good: float


def opinion(scores: Sequence[float], span: tuple[float, float]) -> Opinion | None:
    """Return what the scores say together; None without any."""
    if not scores:
        return None
    low, high = int(span[0]), int(span[1])
    reached = Counter(min(high, max(low, int(score))) for score in scores)
    return Opinion(
        records=len(scores),
        average=fmean(scores),
        spread=pstdev(scores),
        median=median(scores),
        distribution={str(score): reached[score] / len(scores) for score in range(low, high + 1)},
        good=reached[high] / len(scores),
    )
