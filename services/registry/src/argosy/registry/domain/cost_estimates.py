"""What a piece of work costs, by the prices of one day.

Knows tokens, seconds and prices. Does not know where they come from: the same sum is an estimate
before the work and its cost after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from argosy.registry.domain.prices import ModelPrice, PoolPrice

_MILLION: Final = 1_000_000

# What is read has a price of its own in these operations.
READING: Final = {"embedding": "embedding", "file_search": "retrieval"}


@dataclass(frozen=True, slots=True)
class Work:
    """What is used. `seconds` is how long the hardware is at it, None where nobody knows."""

    model: str
    operation: str
    training: int = 0
    input: int = 0
    cached_input: int = 0
    output: int = 0
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill. `unit_micros` is the price of a million tokens, or of an hour."""

    item: str
    micros: int
    quantity: float
    unit: str
    unit_micros: int


@dataclass(frozen=True, slots=True)
class Bill:
    """The lines of a piece of work; None of them where nothing has a price."""

    lines: tuple[Line, ...] = ()
    priced: bool = False
    seconds: float = 0.0

    @property
    def micros(self) -> int:
        """The sum of the lines."""
        return sum(line.micros for line in self.lines)


def bill(work: Work, tokens: ModelPrice | None, hardware: PoolPrice | None) -> Bill:
    """Return what the work costs: by the hour where its hardware has a price, else by the token.

    As in a report of costs, tokens are not charged beside the hardware that makes them.
    """
    if hardware is not None:
        if work.seconds is None:
            return Bill()
        hours = work.seconds / 3600
        micros = round(hardware.hour * hours / hardware.span)
        line = Line(
            f"{work.model}, hardware_hours",
            micros,
            hours,
            "duration_hours",
            hardware.hour // hardware.span,
        )
        return Bill((line,), priced=True, seconds=work.seconds)
    if tokens is None:
        return Bill()
    return Bill(tuple(_of_tokens(work, tokens)), priced=True)


def _of_tokens(work: Work, price: ModelPrice) -> Iterator[Line]:
    reading = READING.get(work.operation, "input")
    for kind, count in (
        (reading, work.input),
        ("cached_input", work.cached_input),
        ("output", work.output),
        ("training", work.training),
    ):
        if count:
            each = getattr(price, kind)
            micros = (count * each + _MILLION // 2) // _MILLION
            yield Line(f"{work.model}, {kind}_tokens", micros, float(count), "tokens", each)
