"""What a project has spent, as the registry tells it. Knows gRPC. Decides nothing."""

from __future__ import annotations

from typing import Final

import grpc
from argosy.api.registry.v1 import usage_reports_pb2 as pb
from argosy.api.registry.v1 import usage_reports_pb2_grpc
from argosy.kit.rpc import calling

_TIMEOUT: Final = 10.0


class SpendDesk:
    """Calls to the registry over one channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = usage_reports_pb2_grpc.UsageReportServiceStub(channel)

    async def exhausted(self, project_id: str) -> str:
        """Return why the project may spend no more, empty if it may. Raises `Unavailable`."""
        request = pb.GetSpendRequest(project_id=project_id)
        with calling("registry"):
            answer = await self._stub.GetSpend(request, timeout=_TIMEOUT)
        return answer.message if answer.exhausted else ""
