"""`/v1/fine_tuning/jobs/{id}/report` and `…/rerun`: what a run's curves say, and what follows."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from argosy.api.trainer.v1 import report_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.paging import Json, query_of
from argosy.gateway.http.ports import Given
from argosy.gateway.http.tuning_headers import checked_job_id, idempotency_key, is_retry
from argosy.gateway.http.tuning_shapes import job_json
from argosy.gateway.upstream.tuning_report import TuningReportClient
from argosy.kit.errors import InvalidRequest
from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

_FORMATS: Final = {
    "json": (pb.REPORT_FORMAT_JSON, "application/json"),
    "csv": (pb.REPORT_FORMAT_CSV, "text/csv"),
    "html": (pb.REPORT_FORMAT_HTML, "text/html"),
}


class TuningReportController(Controller):
    path = "/v1/fine_tuning/jobs"

    @get("/{job_id:str}/report")
    async def report(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        tuning_reports: Given[TuningReportClient],
        job_id: FromPath[str],
    ) -> Response[bytes]:
        form, media_type = _format(query_of(request, "format").get("format", "json"))
        content = await tuning_reports.get(caller.project_id, checked_job_id(job_id), form)
        return Response(
            content,
            media_type=media_type,
            # The page comes from this server's own origin: it must not act on it.
            headers={"content-security-policy": "sandbox", "x-content-type-options": "nosniff"},
        )

    @post("/{job_id:str}/rerun", status_code=200)
    async def rerun(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        tuning_reports: Given[TuningReportClient],
        job_id: FromPath[str],
    ) -> Json:
        old = checked_job_id(job_id)
        answer = await tuning_reports.rerun(
            pb.RerunJobRequest(
                project_id=caller.project_id,
                job_id=old,
                key_id=caller.key_id,
                idempotency_key=idempotency_key(request),
                fingerprint=hashlib.sha256(f"{caller.key_id}\0rerun\0{old}".encode()).digest(),
                retry=is_retry(request),
            )
        )
        job = job_json(answer.job)
        job["argosy"] |= {"rerun_of": old, "changes": json.loads(answer.changes_json)}
        return job


def _format(asked: str) -> tuple[pb.ReportFormat.ValueType, str]:
    if asked not in _FORMATS:
        raise InvalidRequest(
            f"'format' is {asked[:64]!r}, but must be one of {', '.join(_FORMATS)}.",
            param="format",
            code="invalid_value",
        )
    return _FORMATS[asked]
