"""What tokens and hardware cost, from which day on.

Money is in millionths of the currency unit. Days are UTC's: a price holds from its day until the
next one of the same name. Knows nothing of what was used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Final

from argosy.registry.domain.rules import RuleBroken

MAX_NAME: Final = 256
# In millionths: ten thousand for a million tokens, a million for an hour.
MAX_TOKEN_PRICE: Final = 10_000_000_000
MAX_HOUR_PRICE: Final = 1_000_000_000_000
# In thousandths.
MAX_WEIGHT: Final = 1_000_000

# The price of models that have none, and whose base has none.
EVERY_MODEL: Final = "*"


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """For a million tokens each. `input` is for what no cache held.

    `embedding` is for what an embedding model reads, `retrieval` for what a knowledge base hands
    out.
    """

    model: str
    valid_from: date
    input: int
    cached_input: int
    output: int
    training: int
    embedding: int = 0
    retrieval: int = 0


@dataclass(frozen=True, slots=True)
class PoolPrice:
    """For `span` hours of all the hardware of a pool, used or idle, spread over what it served.

    Weights say how much of it a token takes relative to others, in thousandths.
    """

    pool: str
    valid_from: date
    hour: int
    input_weight: int
    cached_input_weight: int
    output_weight: int
    training_weight: int
    span: int = 1


# Of tokens or of hardware.
Priced = ModelPrice | PoolPrice


def check_price(price: Priced) -> None:
    """Raise RuleBroken for a price that names nothing or is out of bounds.

    The bounds keep a day's sums of millionths within 64 bits.
    """
    name, limit = (
        (price.model, MAX_TOKEN_PRICE)
        if isinstance(price, ModelPrice)
        else (price.pool, MAX_HOUR_PRICE)
    )
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise RuleBroken(f"model or pool must be a name of 1 to {MAX_NAME} characters.")
    for field in fields(price):
        value = getattr(price, field.name)
        if not isinstance(value, int):
            continue
        most = MAX_WEIGHT if field.name.endswith("_weight") else limit
        if not 0 <= value <= most:
            raise RuleBroken(
                f"{field.name} must be between 0 and {most / 1_000_000:g}."
                if most is limit
                else f"{field.name} must be between 0 and {most // 1000}.",
                param=field.name,
            )


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
