"""BLEU-4, from 0 to 100: runs of up to four words that answer and reference share.

Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation" (2002): the
geometric mean of the precisions of 1- to 4-grams, each clipped, times the brevity penalty. Over
many records the counts are added up before that ("corpus BLEU"), which is not the mean of the
records' own. Orders that no answer is long enough for are left out; an order without a match counts
as half of one, a quarter for the next (Chen and Cherry 2014, method 3), as sacrebleu does.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

ORDERS: Final = 4


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one answer against its reference: by order of the runs, how many match and how many are
    there; and how many words both have."""

    matches: tuple[int, ...]
    totals: tuple[int, ...]
    said: int
    wanted: int


def counts(said: Sequence[str], wanted: Sequence[str]) -> Counts:
    """Return what BLEU needs of one record."""
    pairs = [(_runs(said, order), _runs(wanted, order)) for order in range(1, ORDERS + 1)]
    return Counts(
        tuple((one & other).total() for one, other in pairs),
        tuple(one.total() for one, _ in pairs),
        len(said),
        len(wanted),
    )


def bleu(records: Iterable[Counts]) -> float:
    """Return the BLEU of all records together."""
    matches, totals, said, wanted = [0] * ORDERS, [0] * ORDERS, 0, 0
    for each in records:
        for order in range(ORDERS):
            matches[order] += each.matches[order]
            totals[order] += each.totals[order]
        said += each.said
        wanted += each.wanted
    if not said or not wanted or not matches[0]:
        return 0.0
    logs, missing = [], 1.0
    for found, total in zip(matches, totals, strict=True):
        if not total:
            break
        if not found:
            missing *= 2
        logs.append(math.log((found or 1 / missing) / total))
    brevity = min(1.0, math.exp(1 - wanted / said))
    return 100 * brevity * math.exp(sum(logs) / len(logs))


def _runs(tokens: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[shift:] for shift in range(order)), strict=False))
