"""Prices of tokens and hardware, at the registry."""

from __future__ import annotations

from typing import Final

import grpc
from argosy.api.registry.v1 import prices_pb2 as pb
from argosy.api.registry.v1.prices_pb2_grpc import PriceServiceStub
from argosy.kit.rpc import calling

_SERVICE: Final = "registry"
_TIMEOUT: Final = 10.0


class PricesClient:
    """Calls of `PriceService`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = PriceServiceStub(channel)

    async def listed(self) -> pb.ListPricesResponse:
        """Return every price."""
        with calling(_SERVICE):
            return await self._stub.ListPrices(pb.ListPricesRequest(), timeout=_TIMEOUT)

    async def set(self, request: pb.SetPriceRequest) -> pb.SetPriceResponse:
        """Set a price."""
        with calling(_SERVICE):
            return await self._stub.SetPrice(request, timeout=_TIMEOUT)

    async def unset(self, request: pb.UnsetPriceRequest) -> None:
        """Take back what was set."""
        with calling(_SERVICE):
            await self._stub.UnsetPrice(request, timeout=_TIMEOUT)
