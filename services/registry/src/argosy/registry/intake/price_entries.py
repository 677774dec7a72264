"""`[[price]]` entries of the catalogue file. Knows their form, not what was used."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Annotated, Final

from argosy.registry.domain.prices import ModelPrice, PoolPrice
from pydantic import BaseModel, ConfigDict, Field, model_validator

_MILLION: Final = 1_000_000
_ALWAYS: Final = date(1970, 1, 1)
# The bounds keep a day's sums of millionths within 64 bits.
_Tokens = Annotated[Decimal, Field(ge=0, le=10_000, decimal_places=6)]
_Hour = Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=6)]
_Weight = Annotated[Decimal, Field(ge=0, le=1000, decimal_places=3)]

_OF_MODEL: Final = frozenset(
    {"input", "cached_input", "output", "training", "embedding", "retrieval"}
)
_OF_POOL: Final = frozenset(
    {"hour", "day", "input_weight", "cached_input_weight", "output_weight", "training_weight"}
)


class PriceEntry(BaseModel):
    """`[[price]]`: what a model's tokens or a pool's hardware cost from a day on.

    With `model` (`*` for all without a price of their own): money for a million tokens. With
    `pool`: `hour` or `day` is money for that time of all its hardware, and the weights say how it
    is spread.
    A tuned model without a price of its own has its base's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(default="", max_length=256)
    pool: str = Field(default="", max_length=96)
    valid_from: date = _ALWAYS
    input: _Tokens = Decimal(0)
    # Without it cached tokens cost what others do.
    cached_input: _Tokens | None = None
    output: _Tokens = Decimal(0)
    training: _Tokens = Decimal(0)
    # Of what embedding models read; without it as any input.
    embedding: _Tokens | None = None
    # Of what a knowledge base hands out; 0.004 for a thousand is where tables began.
    retrieval: _Tokens = Decimal(4)
    hour: _Hour = Decimal(0)
    day: _Hour = Decimal(0)
    input_weight: _Weight = Decimal(1)
    cached_input_weight: _Weight = Decimal("0.1")
    output_weight: _Weight = Decimal(4)
    training_weight: _Weight = Decimal(1)

    @model_validator(mode="after")
    def _of_one_thing(self) -> PriceEntry:
        if bool(self.model) == bool(self.pool):
            raise ValueError("a [[price]] names either a model or a pool")
        strangers = self.model_fields_set & (_OF_POOL if self.model else _OF_MODEL)
        if strangers:
            thing = f"model {self.model}" if self.model else f"pool {self.pool}"
            raise ValueError(f"the price of {thing} cannot have {', '.join(sorted(strangers))}")
        if {"hour", "day"} <= self.model_fields_set:
            raise ValueError(f"the price of pool {self.pool} is by the hour or by the day")
        return self


def check_prices(entries: Iterable[PriceEntry], pools: Iterable[str]) -> None:
    """Hold the entries to each other and to the pools; raises ValueError.

    A model need not be in the file: it may be a tuned one.
    """
    seen = set()
    known = {*pools, "trainer", "embedder"}
    for entry in entries:
        name = entry.model, entry.pool, entry.valid_from
        if name in seen:
            raise ValueError(
                f"two [[price]] entries of {entry.model or entry.pool} have the same valid_from"
            )
        seen.add(name)
        if entry.pool and entry.pool not in known:
            raise ValueError(f"a [[price]] names pool {entry.pool}, which has no [[pool]]")


def model_prices(entries: Iterable[PriceEntry]) -> list[ModelPrice]:
    """Return the prices of tokens."""
    return [
        ModelPrice(
            model=each.model,
            valid_from=each.valid_from,
            input=_micros(each.input),
            cached_input=_micros(each.input if each.cached_input is None else each.cached_input),
            output=_micros(each.output),
            training=_micros(each.training),
            embedding=_micros(each.input if each.embedding is None else each.embedding),
            retrieval=_micros(each.retrieval),
        )
        for each in entries
        if each.model
    ]


def pool_prices(entries: Iterable[PriceEntry]) -> list[PoolPrice]:
    """Return the prices of hardware."""
    return [
        PoolPrice(
            pool=each.pool,
            valid_from=each.valid_from,
            hour=_micros(each.day if "day" in each.model_fields_set else each.hour),
            span=24 if "day" in each.model_fields_set else 1,
            input_weight=int(each.input_weight * 1000),
            cached_input_weight=int(each.cached_input_weight * 1000),
            output_weight=int(each.output_weight * 1000),
            training_weight=int(each.training_weight * 1000),
        )
        for each in entries
        if each.pool
    ]


def _micros(money: Decimal) -> int:
    return int(money * _MILLION)
