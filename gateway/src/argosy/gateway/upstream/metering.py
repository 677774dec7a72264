"""Engines' counters and the day's use, at the registry's ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import grpc
from argosy.api.registry.v1 import metering_pb2 as pb
from argosy.api.registry.v1.metering_pb2_grpc import MeteringServiceStub
from argosy.gateway.engines.counts import Reading
from argosy.gateway.engines.dialects.base import Counts
from argosy.kit.rpc import calling

_SERVICE: Final = "registry"
_TIMEOUT: Final = 5.0


class MeteringClient:
    """Calls of `MeteringService`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = MeteringServiceStub(channel)

    async def tell(self, readings: Sequence[Reading]) -> None:
        """Have the ledger know what engines have done; raises Unavailable."""
        request = pb.TellEngineCountsRequest(
            engines=[
                pb.EngineCounts(
                    pool=reading.pool,
                    engine=reading.url,
                    started_ms=reading.started_ms,
                    first=_tokens(reading.first),
                    latest=_tokens(reading.latest),
                )
                for reading in readings
            ]
        )
        with calling(_SERVICE):
            await self._stub.TellEngineCounts(request, timeout=_TIMEOUT)

    async def day(self, project_ids: Sequence[str], key_ids: Sequence[str]) -> pb.ReadDayResponse:
        """Return what these projects and keys have used today; raises Unavailable."""
        request = pb.ReadDayRequest(project_ids=project_ids, key_ids=key_ids)
        with calling(_SERVICE):
            return await self._stub.ReadDay(request, timeout=_TIMEOUT)


def _tokens(counts: Counts) -> pb.TokenCounts:
    return pb.TokenCounts(input=counts.read, cached_input=counts.cached, output=counts.written)
