"""The population stability index: how far a distribution has moved from the one before.

Σ (q − p) · ln(q / p) over the bins; Siddiqi, "Credit Risk Scorecards" (2006): under 0.1 nothing has
changed, from 0.25 on it has. Numbers are put into bins that hold equal parts of the older values.
From samples it is above 0 by itself, on average (bins − 1) · (1/n + 1/m) (Yurdakul, "Statistical
Properties of Population Stability Index", 2018): that much is taken off. Knows values only.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Final

MOVED: Final = 0.25
_BINS: Final = 8
# A bin without any stands for half a value: ln 0 is no number.
_HALF: Final = 0.5


def of_numbers(older: Sequence[float], newer: Sequence[float]) -> float:
    """Return the index of two samples of numbers, both not empty."""
    ordered = sorted(older)
    places = range(1, _BINS)
    edges = sorted({ordered[len(ordered) * place // _BINS] for place in places})
    return of_kinds(
        [bisect_right(edges, value) for value in older],
        [bisect_right(edges, value) for value in newer],
    )


def of_kinds(older: Sequence[Hashable], newer: Sequence[Hashable]) -> float:
    """Return the index of two samples of kinds, both not empty."""
    before, after = Counter(older), Counter(newer)
    kinds = before.keys() | after.keys()
    total = 0.0
    for kind in kinds:
        was = max(before[kind], _HALF) / len(older)
        now = max(after[kind], _HALF) / len(newer)
        total += (now - was) * math.log(now / was)
    by_chance = (len(kinds) - 1) * (1 / len(older) + 1 / len(newer))
    return max(0.0, total - by_chance)
