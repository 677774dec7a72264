"""Which records are drawn: a split into two, and a sample at a rate. The same seed, the same ones.

A record is drawn by its place and the seed, never by what was drawn before: so the work can be cut
and resumed anywhere. Numbers are exact: of 500 records a rate of 0.10 draws 50.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeVar

from argosy.registry.datasets.operators.ranges import number

T = TypeVar("T")

DEFAULT_RATIO: Final = 20.0
LEAST_RATE: Final = 0.01
MOST_RATE: Final = 10.0


def split_ratio(value: Any = DEFAULT_RATIO, param: str = "split_ratio") -> float:
    """Return the percentage that is set aside, from 0 to 100; raises RuleBroken."""
    return number(value, param, 0, 100)


def sampling_rate(value: Any, param: str = "sampling_rate") -> float:
    """Return the rate, from 0.01 to 10; raises RuleBroken."""
    return number(value, param, LEAST_RATE, MOST_RATE)


def set_aside(count: int, ratio: float, seed: int) -> frozenset[int]:
    """Return the places of `count` records that go into the smaller part, `ratio` percent.

    A ratio that is neither 0 nor 100 leaves at least one record in each part, where there are two.
    """
    wanted = round(count * ratio / 100)
    if 0 < ratio < 100 and count > 1:
        wanted = min(max(wanted, 1), count - 1)
    # Not for secrets: the same seed must draw the same records.
    return frozenset(random.Random(seed).sample(range(count), wanted))  # noqa: S311


def split(
    records: Iterable[T], count: int, ratio: float = DEFAULT_RATIO, *, seed: int = 0
) -> Iterator[tuple[T, bool]]:
    """Yield each of `count` records with whether it is set aside (for validation)."""
    aside = set_aside(count, ratio, seed)
    for index, record in enumerate(records):
        yield record, index in aside


def drawn(count: int, rate: float, seed: int) -> dict[int, int]:
    """Return how often each place of `count` records is drawn; places not drawn are left out.

    Round(count × rate) in all, at least one. A rate of 2.5 draws each twice and half of them once
    more.
    """
    whole, rest = divmod(max(1, round(count * rate)) if count else 0, count or 1)
    extra = random.Random(seed).sample(range(count), rest)  # noqa: S311 - see above
    times = dict.fromkeys(range(count), whole) if whole else {}
    for place in extra:
        times[place] = times.get(place, 0) + 1
    return times


def sample(records: Iterable[T], count: int, rate: float, *, seed: int = 0) -> Iterator[T]:
    """Yield the records that are drawn, in their order, each as often as it is drawn."""
    times = drawn(count, rate, seed)
    for index, record in enumerate(records):
        for _ in range(times.get(index, 0)):
            yield record
