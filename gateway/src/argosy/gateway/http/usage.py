"""`/v1/organization/usage/…` and `/v1/organization/costs`: what was used and what it cost."""

from __future__ import annotations

from typing import Any

from argosy.api.registry.v1 import usage_reports_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.ports import Given
from argosy.gateway.http.usage_query import read
from argosy.gateway.http.usage_shapes import COST_GROUPS, REPORTS, Json, costs_json, usage_json
from argosy.gateway.upstream.usage import UsageReportsClient
from argosy.kit.errors import NotFound
from litestar import Controller, Request, get
from litestar.params import FromPath


class UsageController(Controller):
    """The whole organization's, so only for keys of administrators."""

    path = "/v1/organization"

    @get("/usage/{kind:str}")
    async def usage(
        self,
        request: Request[Any, Any, Any],
        admin: Given[Caller],
        usage_reports: Given[UsageReportsClient],
        kind: FromPath[str],
    ) -> Json:
        report = REPORTS.get(kind)
        if report is None:
            raise NotFound(f"Invalid URL (GET /v1/organization/usage/{kind[:64]})")
        asked = read(request, report.groups, ("1m", "1h", "1d"))
        answer = await usage_reports.used(
            pb.ReportUsageRequest(
                kind=report.kind,
                window=asked.window,
                filter=asked.filter,
                group_by=asked.group_by,
            )
        )
        return usage_json(report, answer, asked.words)

    @get("/costs")
    async def costs(
        self,
        request: Request[Any, Any, Any],
        admin: Given[Caller],
        usage_reports: Given[UsageReportsClient],
    ) -> Json:
        asked = read(request, COST_GROUPS, ("1d",))
        answer = await usage_reports.costs(
            pb.ReportCostsRequest(window=asked.window, filter=asked.filter, group_by=asked.group_by)
        )
        return costs_json(answer, asked.words)
