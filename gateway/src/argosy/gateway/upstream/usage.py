"""Reports of usage and costs, at the registry."""

from __future__ import annotations

from typing import Final

import grpc
from argosy.api.registry.v1 import usage_reports_pb2 as pb
from argosy.api.registry.v1.usage_reports_pb2_grpc import UsageReportServiceStub
from argosy.kit.rpc import calling

_SERVICE: Final = "registry"
_TIMEOUT: Final = 30.0


class UsageReportsClient:
    """Calls of `UsageReportService`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = UsageReportServiceStub(channel)

    async def used(self, request: pb.ReportUsageRequest) -> pb.ReportUsageResponse:
        """Return a page of what was used."""
        with calling(_SERVICE):
            return await self._stub.ReportUsage(request, timeout=_TIMEOUT)

    async def costs(self, request: pb.ReportCostsRequest) -> pb.ReportCostsResponse:
        """Return a page of what it cost."""
        with calling(_SERVICE):
            return await self._stub.ReportCosts(request, timeout=_TIMEOUT)
