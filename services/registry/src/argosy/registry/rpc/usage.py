"""`UsageService`: the ledger, page by page."""

from __future__ import annotations

from typing import Any

from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.api.registry.v1 import registry_pb2_grpc
from argosy.registry.rpc import translate
from argosy.registry.rpc.edge import edge
from argosy.registry.usecases.ledger import Ledger


class UsageServicer(registry_pb2_grpc.UsageServiceServicer):
    """Translates between `UsageService` and the use case."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def ListUsage(  # noqa: N802
        self, request: pb.ListUsageRequest, context: Any
    ) -> pb.ListUsageResponse:
        with edge():
            uses, more = await self._ledger.list(
                request.project_id,
                request.page.after,
                request.page.limit,
                ascending=request.page.ascending,
            )
        return pb.ListUsageResponse(entries=[translate.usage(u) for u in uses], has_more=more)
