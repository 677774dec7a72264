"""ReportService: messages in, use cases, messages out. Translates; decides nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import grpc
from argosy.api.trainer.v1 import report_pb2, report_pb2_grpc
from argosy.trainer.reports.document import to_csv, to_json
from argosy.trainer.reports.page import to_html
from argosy.trainer.reports.report import Report
from argosy.trainer.rpc_messages import job_message
from argosy.trainer.usecases.report import Reports, Rerun

SERVICE: Final = "argosy.api.trainer.v1.ReportService"

Context = grpc.aio.ServicerContext[Any, Any]


class ReportServicer(report_pb2_grpc.ReportServiceServicer):
    """The servicer."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    async def GetReport(  # noqa: N802
        self, request: report_pb2.GetReportRequest, context: Context
    ) -> report_pb2.GetReportResponse:
        report = await self._reports.get(request.project_id, request.job_id)
        # A long run's page takes a moment to draw.
        content = await asyncio.to_thread(_render, report, request.format)
        return report_pb2.GetReportResponse(content=content)

    async def RerunJob(  # noqa: N802
        self, request: report_pb2.RerunJobRequest, context: Context
    ) -> report_pb2.RerunJobResponse:
        job, changes = await self._reports.rerun(
            Rerun(
                project_id=request.project_id,
                job_id=request.job_id,
                key_id=request.key_id,
                idempotency_key=request.idempotency_key,
                fingerprint=request.fingerprint,
                retry=request.retry,
            )
        )
        return report_pb2.RerunJobResponse(
            job=job_message(job), changes_json=json.dumps(dict(changes))
        )


def _render(report: Report, form: report_pb2.ReportFormat.ValueType) -> bytes:
    if form == report_pb2.REPORT_FORMAT_CSV:
        return to_csv(report)
    if form == report_pb2.REPORT_FORMAT_HTML:
        return to_html(report)
    return json.dumps(to_json(report), ensure_ascii=False).encode()
