"""`PriceService`: what tokens and hardware cost, and who changes it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any, Final

from argosy.api.registry.v1 import prices_pb2 as pb
from argosy.api.registry.v1 import prices_pb2_grpc
from argosy.kit.errors import InvalidRequest
from argosy.registry.domain.prices import ModelPrice, PoolPrice, Priced
from argosy.registry.rpc import accounts_translate as to
from argosy.registry.rpc.edge import edge
from argosy.registry.store.usage_prices import API
from argosy.registry.usecases.accounts_desk import Desk
from argosy.registry.usecases.usage_prices import Prices

_SPANS: Final = (1, 24)


class PriceServicer(prices_pb2_grpc.PriceServiceServicer):
    """Translates between `PriceService` and the use cases."""

    def __init__(self, prices: Prices, desk: Desk, currency: str) -> None:
        self._prices = prices
        self._desk = desk
        self._currency = currency

    async def ListPrices(  # noqa: N802
        self, request: pb.ListPricesRequest, context: Any
    ) -> pb.ListPricesResponse:
        with edge():
            found = await self._prices.listed()
        return pb.ListPricesResponse(
            prices=[_entry(price, is_set=origin == API) for price, origin in found],
            currency=self._currency,
        )

    async def SetPrice(  # noqa: N802
        self, request: pb.SetPriceRequest, context: Any
    ) -> pb.SetPriceResponse:
        price = _price(request.price)
        with edge():
            await self._prices.set(self._desk, to.actor(request.actor), price)
        return pb.SetPriceResponse(price=_entry(price, is_set=True), currency=self._currency)

    async def UnsetPrice(  # noqa: N802
        self, request: pb.UnsetPriceRequest, context: Any
    ) -> pb.UnsetPriceResponse:
        day = _day(request.valid_from)
        price: Priced
        if request.hardware:
            price = PoolPrice(request.name, day, 0, 0, 0, 0, 0)
        else:
            price = ModelPrice(request.name, day, 0, 0, 0, 0)
        with edge():
            await self._prices.unset(self._desk, to.actor(request.actor), price)
        return pb.UnsetPriceResponse()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(
            "valid_from must be a day such as 2026-03-01.", param="valid_from"
        ) from None


def _price(entry: pb.PriceEntry) -> Priced:
    day = _day(entry.valid_from)
    if entry.HasField("tokens") == entry.HasField("hardware"):
        raise InvalidRequest("A price is of tokens or of hardware.", param="price")
    if entry.HasField("tokens"):
        kinds = {field.name: getattr(entry.tokens, field.name) for field in _KINDS}
        return ModelPrice(entry.name, day, **kinds)
    told = entry.hardware
    if told.hours not in _SPANS:
        raise InvalidRequest("hours must be 1 or 24.", param="hours")
    weights = {field.name: getattr(told, field.name) for field in _WEIGHTS}
    return PoolPrice(entry.name, day, told.micros, **weights, span=told.hours)


def _entry(price: Priced, *, is_set: bool) -> pb.PriceEntry:
    day = price.valid_from.isoformat()
    values = asdict(price)
    if isinstance(price, ModelPrice):
        tokens = pb.TokenPrice(**{field.name: values[field.name] for field in _KINDS})
        return pb.PriceEntry(name=price.model, valid_from=day, tokens=tokens, set=is_set)
    hardware = pb.HardwarePrice(
        micros=price.hour,
        hours=price.span,
        **{field.name: values[field.name] for field in _WEIGHTS},
    )
    return pb.PriceEntry(name=price.pool, valid_from=day, hardware=hardware, set=is_set)


_KINDS: Final = pb.TokenPrice.DESCRIPTOR.fields
_WEIGHTS: Final = [
    field for field in pb.HardwarePrice.DESCRIPTOR.fields if field.name.endswith("_weight")
]
