"""How far annotators agree: on labels and scores by alpha, on rankings by tau.

Krippendorff's alpha = 1 − observed disagreement / disagreement by chance (2011, "Computing
Krippendorff's Alpha-Reliability"); 1 is agreement, 0 is chance, and it bears annotators who left
items out. Kendall's tau (1938) is the share of pairs that two rankings order alike less those they
order otherwise, from −1 to 1; of more than two annotators the mean over their pairs.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

# Krippendorff draws tentative conclusions from 0.667 on.
LOW: Final = 0.667

# Of each item, what each annotator said.
Ratings = Mapping[str, Mapping[str, Any]]
Difference = Callable[[Any, Any], float]


def nominal(one: Hashable, other: Hashable) -> float:
    """Labels: the same or not."""
    return float(one != other)


def interval(one: float, other: float) -> float:
    """Scores: the square of how far they are apart."""
    return (one - other) ** 2


@dataclass(frozen=True, slots=True)
class Agreement:
    """`overall` is None where nothing can be compared; `low` are items that disagree."""

    overall: float | None
    items: Mapping[str, float]
    low: tuple[str, ...]
    compared: int


def of_ratings(ratings: Ratings, difference: Difference = nominal, low: float = LOW) -> Agreement:
    """Return the agreement on labels (`nominal`) or scores (`interval`).

    Of one item it is 1 − its disagreement / that by chance over all items.
    """
    units = {item: list(said.values()) for item, said in ratings.items() if len(said) > 1}
    by_chance = _chance([value for values in units.values() for value in values], difference)
    items = {
        item: 1.0 if by_chance == 0 else 1 - _mean_difference(values, difference) / by_chance
        for item, values in units.items()
    }
    pairable = sum(map(len, units.values()))
    # Each value weighs the same, so an item weighs as many as it has.
    overall = sum(items[item] * len(units[item]) for item in units) / pairable if units else None
    return Agreement(overall, items, _low(items, low), len(units))


def of_rankings(rankings: Ratings, low: float = LOW) -> Agreement:
    """Return the agreement on rankings: of each item, a list of the same things, best first."""
    items = {
        item: _mean([kendall_tau(a, b) for a, b in itertools.combinations(said.values(), 2)])
        for item, said in rankings.items()
        if len(said) > 1
    }
    overall = _mean(list(items.values())) if items else None
    return Agreement(overall, items, _low(items, low), len(items))


def kendall_tau(one: Sequence[Hashable], other: Sequence[Hashable]) -> float:
    """Return the tau of two rankings of the same things without ties; ValueError otherwise."""
    places = {thing: place for place, thing in enumerate(other)}
    if len(places) != len(other) or set(one) != set(places) or len(one) != len(other):
        raise ValueError("two rankings must order the same things, each once")
    pairs = list(itertools.combinations(one, 2))
    if not pairs:
        return 1.0
    alike = sum(1 if places[a] < places[b] else -1 for a, b in pairs)
    return alike / len(pairs)


def _chance(values: Sequence[Any], difference: Difference) -> float:
    """Return the mean difference of two values drawn from all, whoever gave them to what."""
    counts = Counter(values)
    total = counts.total()
    if total < 2:
        return 0.0
    apart = sum(
        2 * counts[a] * counts[b] * difference(a, b) for a, b in itertools.combinations(counts, 2)
    )
    return apart / (total * (total - 1))


def _mean_difference(values: Sequence[Any], difference: Difference) -> float:
    return _mean([difference(a, b) for a, b in itertools.combinations(values, 2)])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _low(items: Mapping[str, float], bound: float) -> tuple[str, ...]:
    return tuple(item for item, value in items.items() if value < bound)
