"""What tokens and hardware cost, from which day on.

Money is in millionths of the currency unit. Days are UTC's: a price holds from its day until the
next one of the same name. Knows nothing of what was used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

# The price of models that have none, and whose base has none.
EVERY_MODEL: Final = "*"


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """For a million tokens each. `input` is for what no cache held."""

    model: str
    valid_from: date
    input: int
    cached_input: int
    output: int
    training: int


@dataclass(frozen=True, slots=True)
class PoolPrice:
    """For an hour of all the hardware of a pool, used or idle, spread over what the pool served.

    Weights say how much of it a token takes relative to others, in thousandths.
    """

    pool: str
    valid_from: date
    hour: int
    input_weight: int
    cached_input_weight: int
    output_weight: int
    training_weight: int


def price_on(prices: Sequence[ModelPrice], day: date, names: Sequence[str]) -> ModelPrice | None:
    """Return what holds on a day for the first of `names` that has a price then.

    For a model these are its own name, its base's and EVERY_MODEL.
    """
    for name in names:
        valid = [p for p in prices if p.model == name and p.valid_from <= day]
        if valid:
            return max(valid, key=lambda p: p.valid_from)
    return None


def hardware_on(prices: Sequence[PoolPrice], day: date, pool: str) -> PoolPrice | None:
    """Return what the pool's hardware costs on a day, None where it has no price then."""
    valid = [p for p in prices if p.pool == pool and p.valid_from <= day]
    return max(valid, key=lambda p: p.valid_from, default=None)
