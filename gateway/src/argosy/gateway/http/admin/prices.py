"""`/v1/organization/prices`: what tokens and hardware cost; OpenAI has no resource for it.

Money is a number of currency units with at most six decimals, as in the catalogue file.
"""

from __future__ import annotations

import hashlib
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any, Final

from argosy.api.common.v1.common_pb2 import PageRequest
from argosy.api.registry.v1 import accounts_pb2 as accounts_pb
from argosy.api.registry.v1 import prices_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.admin.asking import Text, checked, page
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.paging import Json, Page, page_of
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.prices import PricesClient
from argosy.kit.errors import InvalidRequest, NotFound
from litestar import Controller, Request, delete, get, post
from litestar.params import FromPath
from msgspec import UNSET, Meta, Struct, UnsetType

_MILLION: Final = 1_000_000
_ALWAYS: Final = "1970-01-01"
_KINDS: Final = ("input", "cached_input", "output", "training", "embedding", "retrieval")
# What a token takes of hardware relative to others, where nothing is said.
_WEIGHTS: Final = {
    "input_weight": 1.0,
    "cached_input_weight": 0.1,
    "output_weight": 4.0,
    "training_weight": 1.0,
}

Money = Annotated[float, Meta(ge=0, le=1_000_000)]
Weight = Annotated[float, Meta(ge=0, le=1000)]
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class NewPrice(Struct, forbid_unknown_fields=True):
    """Of a model's tokens, a million each, or of a pool's hardware, by the hour or the day."""

    model: Text | UnsetType = UNSET
    pool: Text | UnsetType = UNSET
    valid_from: Day = _ALWAYS
    input: Money | UnsetType = UNSET
    cached_input: Money | UnsetType = UNSET
    output: Money | UnsetType = UNSET
    training: Money | UnsetType = UNSET
    embedding: Money | UnsetType = UNSET
    retrieval: Money | UnsetType = UNSET
    hour: Money | UnsetType = UNSET
    day: Money | UnsetType = UNSET
    input_weight: Weight | UnsetType = UNSET
    cached_input_weight: Weight | UnsetType = UNSET
    output_weight: Weight | UnsetType = UNSET
    training_weight: Weight | UnsetType = UNSET

    def entry(self) -> pb.PriceEntry:
        """Return the price as the registry takes it; raises InvalidRequest."""
        if (self.model is UNSET) == (self.pool is UNSET):
            raise InvalidRequest("Name either a model or a pool.", param="model")
        if self.pool is UNSET:
            self._without(("hour", "day", *_WEIGHTS), "model")
            return pb.PriceEntry(name=self.model, valid_from=self.valid_from, tokens=self._tokens())  # type: ignore[arg-type]  # one of the two is set
        self._without(_KINDS, "pool")
        if (self.hour is UNSET) == (self.day is UNSET):
            raise InvalidRequest("A pool's price is by 'hour' or by 'day'.", param="hour")
        hours, money = (24, self.day) if self.hour is UNSET else (1, self.hour)
        hardware = pb.HardwarePrice(
            micros=_micros(money),
            hours=hours,
            **{
                name: round(1000 * (usual if (own := getattr(self, name)) is UNSET else own))
                for name, usual in _WEIGHTS.items()
            },
        )
        return pb.PriceEntry(name=self.pool, valid_from=self.valid_from, hardware=hardware)

    def _tokens(self) -> pb.TokenPrice:
        told = {name: _micros(getattr(self, name)) for name in _KINDS}
        for name in ("cached_input", "embedding"):
            if getattr(self, name) is UNSET:
                told[name] = told["input"]
        return pb.TokenPrice(**told)

    def _without(self, names: Any, what: str) -> None:
        for name in names:
            if getattr(self, name) is not UNSET:
                raise InvalidRequest(f"The price of a {what} has no '{name}'.", param=name)


class PricesController(Controller):
    path = "/v1/organization/prices"

    @get()
    async def list_prices(
        self, request: Request[Any, Any, Any], admin: Given[Caller], prices: Given[PricesClient]
    ) -> Page:
        wanted = page(request)
        answer = await prices.listed()
        return _page_of([price_json(price, answer.currency) for price in answer.prices], wanted)

    @post(status_code=200)
    async def set_price(
        self,
        request: Request[Any, Any, Any],
        actor: Given[accounts_pb.Actor],
        body_reader: Given[BodyReader],
        prices: Given[PricesClient],
    ) -> Json:
        body = await body_reader.json(request, NewPrice)
        answer = await prices.set(pb.SetPriceRequest(actor=actor, price=body.entry()))
        return price_json(answer.price, answer.currency)

    @delete("/{price_id:str}", status_code=200)
    async def unset_price(
        self, actor: Given[accounts_pb.Actor], prices: Given[PricesClient], price_id: FromPath[str]
    ) -> Json:
        wanted = checked(price_id, "price")
        for price in (await prices.listed()).prices:
            if price.set and _id(price) == wanted:
                await prices.unset(
                    pb.UnsetPriceRequest(
                        actor=actor,
                        name=price.name,
                        valid_from=price.valid_from,
                        hardware=price.HasField("hardware"),
                    )
                )
                return {"object": "organization.price.deleted", "id": price_id, "deleted": True}
        raise NotFound(
            f"No such price, or one of the catalogue file: {price_id}. Set another one for the "
            "same day instead."
        )


def price_json(price: pb.PriceEntry, currency: str) -> Json:
    """Return a price in the words of the catalogue file."""
    shown: Json = {
        "object": "organization.price",
        "id": _id(price),
        "currency": currency,
        "valid_from": price.valid_from,
        "origin": "api" if price.set else "catalog",
    }
    if price.HasField("tokens"):
        kinds = {name: getattr(price.tokens, name) / _MILLION for name in _KINDS}
        return shown | {"model": price.name} | kinds
    told = price.hardware
    money = {"day" if told.hours == 24 else "hour": told.micros / _MILLION}
    weights = {name: getattr(told, name) / 1000 for name in _WEIGHTS}
    return shown | {"pool": price.name} | money | weights


def _page_of(found: list[Json], wanted: PageRequest) -> Page:
    """Return the page of all prices; all of them where no limit is asked for."""
    start = 0
    if wanted.after:
        start = 1 + next((i for i, each in enumerate(found) if each["id"] == wanted.after), -1)
        if not start:
            raise NotFound(f"No such price: {wanted.after}", param="after")
    end = start + (wanted.limit or len(found))
    return page_of(found[start:end], has_more=end < len(found))


def _id(price: pb.PriceEntry) -> str:
    """Return an id that says which price it is: a name may hold what a path cannot."""
    what = "pool" if price.HasField("hardware") else "model"
    text = f"{what}\0{price.name}\0{price.valid_from}\0{price.set}"
    return "price_" + hashlib.sha256(text.encode()).hexdigest()[:24]


def _micros(money: float | UnsetType) -> int:
    """Return millionths; a float of six decimals is exact as text."""
    if money is UNSET:
        return 0
    return int((Decimal(repr(money)) * _MILLION).quantize(Decimal(1), ROUND_HALF_EVEN))
