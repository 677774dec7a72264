"""`MeasureService`: how many tokens records have."""

from __future__ import annotations

from typing import Any

from argosy.api.registry.v1 import measures_pb2 as pb
from argosy.api.registry.v1 import measures_pb2_grpc
from argosy.registry.rpc.edge import edge
from argosy.registry.usecases.measure_tokens import MeasureTokens


class MeasureServicer(measures_pb2_grpc.MeasureServiceServicer):
    """Translates between `MeasureService` and the use case."""

    def __init__(self, measure: MeasureTokens) -> None:
        self._measure = measure

    async def MeasureTokens(  # noqa: N802
        self, request: pb.MeasureTokensRequest, context: Any
    ) -> pb.MeasureTokensResponse:
        with edge():
            counted = await self._measure(request.project_id, request.source_id, request.model_id)
        return pb.MeasureTokensResponse(
            rows=counted.rows,
            total_tokens=counted.total,
            lengths=[pb.TokenLength(tokens=t, records=n) for t, n in counted.lengths],
        )
