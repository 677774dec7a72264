"""Reports of tuning jobs, at the trainer."""

from __future__ import annotations

from typing import Final

import grpc
from argosy.api.trainer.v1 import report_pb2 as pb
from argosy.api.trainer.v1.report_pb2_grpc import ReportServiceStub
from argosy.kit.rpc import calling

_SERVICE: Final = "trainer"
_TIMEOUT: Final = 10.0


class TuningReportClient:
    """Calls of `ReportService` on behalf of a project."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ReportServiceStub(channel)

    async def get(self, project_id: str, job_id: str, form: pb.ReportFormat.ValueType) -> bytes:
        request = pb.GetReportRequest(project_id=project_id, job_id=job_id, format=form)
        with calling(_SERVICE):
            return (await self._stub.GetReport(request, timeout=_TIMEOUT)).content

    async def rerun(self, request: pb.RerunJobRequest) -> pb.RerunJobResponse:
        with calling(_SERVICE):
            return await self._stub.RerunJob(request, timeout=_TIMEOUT)
