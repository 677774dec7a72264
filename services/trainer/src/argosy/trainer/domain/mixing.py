"""How much of each further source is drawn: a rate, a ratio to the training file, or a percentage.

Knows counts. Does not know which records are drawn: the child does that, by the run's seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from argosy.trainer.domain.asked import Source
from argosy.trainer.domain.parameters.parameter import BadParameter

MAX_SOURCES: Final = 16
MIN_RATE: Final = 0.01
MAX_RATE: Final = 10.0
MAX_RATIO: Final = 100.0
# Of what a tuned model learnt from, this part is learnt again by default.
OLD_DATA_RATE: Final = 0.10


def drawn(records: int, rate: float) -> int:
    """Return how many records a rate draws: at least one."""
    return max(1, math.floor(records * rate + 0.5))


def check(sources: Sequence[Source]) -> None:
    """Judge the amounts. Raises `BadParameter` that names the field and its range."""
    if len(sources) > MAX_SOURCES:
        raise BadParameter(
            "argosy.data",
            f"'argosy.data' has {len(sources)} sources, but may have {MAX_SOURCES} at most. "
            "Mix some of them into one data set.",
        )
    for number, source in enumerate(sources):
        place = f"argosy.data[{number}]"
        given = [name for name in _RANGES if getattr(source, name) is not None]
        if len(given) > 1:
            raise BadParameter(
                f"{place}.{given[1]}",
                f"'{place}' has {' and '.join(given)}. Give one of them.",
            )
        for name in given:
            value, (low, high) = getattr(source, name), _RANGES[name]
            # Written so that NaN, which compares as false, is refused too.
            if not low <= value <= high:
                raise BadParameter(
                    f"{place}.{name}",
                    f"'{place}.{name}' is {value:g}, but must lie between {low:g} and {high:g}.",
                )
    named = [source.source for source in sources]
    if twice := next((name for name in named if named.count(name) > 1), ""):
        raise BadParameter("argosy.data", f"'argosy.data' names '{twice}' twice. Name it once.")


_RANGES: Final = {
    "rate": (MIN_RATE, MAX_RATE),
    "ratio": (0.001, MAX_RATIO),
    "percent": (0.0, 100.0),
}


def resolve(training: int, sources: Sequence[Source]) -> list[Source]:
    """Return the sources with a rate each; `records` of each is known.

    Percentages are of everything, so together they must leave room for the rest.
    Raises `BadParameter`.
    """
    percents = sum(source.percent or 0.0 for source in sources)
    if percents >= 100:
        raise BadParameter(
            "argosy.data",
            f"The percentages in 'argosy.data' sum to {percents:g}, but must leave something for "
            "the training file. Lower them.",
        )
    fixed = training + sum(
        drawn(source.records, rate)
        for source in sources
        if (rate := _rate(source, training)) is not None
    )
    whole = fixed * 100 / (100 - percents)
    resolved = []
    for source in sources:
        rate = _rate(source, training)
        if rate is None:
            rate = whole * (source.percent or 0.0) / 100 / source.records
        resolved.append(replace(source, rate=min(max(rate, 1e-6), MAX_RATE)))
    return resolved


def _rate(source: Source, training: int) -> float | None:
    """Return the rate if it does not depend on the whole."""
    if source.percent is not None:
        return None
    if source.ratio is not None:
        return source.ratio * training / source.records
    return source.rate or 1.0
