"""`MeteringService`: what gateways tell the ledger beside usage, and what they ask of it."""

from __future__ import annotations

from typing import Any, Final

from argosy.api.registry.v1 import metering_pb2 as pb
from argosy.api.registry.v1 import metering_pb2_grpc
from argosy.registry.domain.engine_counts import Counter, Tokens
from argosy.registry.rpc.edge import edge
from argosy.registry.usecases.metering import Metering

_DAY_SECONDS: Final = 86_400


class MeteringServicer(metering_pb2_grpc.MeteringServiceServicer):
    """Translates between `MeteringService` and the use cases."""

    def __init__(self, metering: Metering) -> None:
        self._metering = metering

    async def TellEngineCounts(  # noqa: N802
        self, request: pb.TellEngineCountsRequest, context: Any
    ) -> pb.TellEngineCountsResponse:
        with edge():
            await self._metering.tell(
                [
                    Counter(
                        told.pool,
                        told.engine,
                        told.started_ms,
                        _tokens(told.first),
                        _tokens(told.latest),
                    )
                    for told in request.engines
                ]
            )
        return pb.TellEngineCountsResponse()

    async def ReadDay(  # noqa: N802
        self, request: pb.ReadDayRequest, context: Any
    ) -> pb.ReadDayResponse:
        with edge():
            day, uses = await self._metering.day_use(request.project_ids, request.key_ids)
        return pb.ReadDayResponse(
            day=int(day.timestamp()) // _DAY_SECONDS,
            uses=[
                pb.DayUse(
                    project_id=use.project_id,
                    key_id=use.key_id,
                    model=use.model,
                    base=use.base,
                    tokens=pb.TokenCounts(
                        input=use.tokens.read,
                        cached_input=use.tokens.cached,
                        output=use.tokens.written,
                    ),
                )
                for use in uses
            ],
        )


def _tokens(told: pb.TokenCounts) -> Tokens:
    return Tokens(told.input, told.cached_input, told.output)
