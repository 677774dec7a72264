"""`UsageReportService`: what was used and what it cost."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Any, Final

from argosy.api.registry.v1 import usage_reports_pb2 as pb
from argosy.api.registry.v1 import usage_reports_pb2_grpc
from argosy.kit.errors import InvalidRequest
from argosy.registry.domain.usage_reports import Bucket, Cost, Field, Filter, Group, Kind, Used
from argosy.registry.domain.usage_windows import Asked, Width
from argosy.registry.rpc.edge import edge
from argosy.registry.rpc.usage_estimates import answer_of, spend_of, work_of
from argosy.registry.usecases.cost_estimates import CostEstimates
from argosy.registry.usecases.usage_costs import UsageCosts
from argosy.registry.usecases.usage_reports import UsageReports

_KINDS: Final = {
    pb.USAGE_KIND_COMPLETIONS: Kind.COMPLETIONS,
    pb.USAGE_KIND_EMBEDDINGS: Kind.EMBEDDINGS,
    pb.USAGE_KIND_FILE_SEARCHES: Kind.FILE_SEARCHES,
    pb.USAGE_KIND_OTHER: Kind.OTHER,
}
_WIDTHS: Final = {
    pb.BUCKET_WIDTH_MINUTE: Width.MINUTE,
    pb.BUCKET_WIDTH_HOUR: Width.HOUR,
    pb.BUCKET_WIDTH_DAY: Width.DAY,
}
_FIELDS: Final = {
    pb.USAGE_FIELD_PROJECT: Field.PROJECT,
    pb.USAGE_FIELD_USER: Field.USER,
    pb.USAGE_FIELD_KEY: Field.KEY,
    pb.USAGE_FIELD_MODEL: Field.MODEL,
    pb.USAGE_FIELD_BATCH: Field.BATCH,
    pb.USAGE_FIELD_LINE_ITEM: Field.LINE_ITEM,
}


class UsageReportServicer(usage_reports_pb2_grpc.UsageReportServiceServicer):
    """Translates between `UsageReportService` and the use cases."""

    def __init__(self, reports: UsageReports, costs: UsageCosts, estimates: CostEstimates) -> None:
        self._reports = reports
        self._costs = costs
        self._estimates = estimates

    async def ReportUsage(  # noqa: N802
        self, request: pb.ReportUsageRequest, context: Any
    ) -> pb.ReportUsageResponse:
        kind = _KINDS.get(request.kind)
        if kind is None:
            raise InvalidRequest("kind is missing.", param="kind")
        fields = _fields(request.group_by, without=Field.LINE_ITEM)
        with edge():
            buckets, after = await self._reports.used(
                kind, _asked(request.window), _filter(request.filter), fields
            )
        return pb.ReportUsageResponse(buckets=map(_usage_bucket, buckets), next_page=after)

    async def ReportCosts(  # noqa: N802
        self, request: pb.ReportCostsRequest, context: Any
    ) -> pb.ReportCostsResponse:
        fields = _fields(request.group_by, without=Field.BATCH)
        with edge():
            buckets, after = await self._costs.costs(
                _asked(request.window), _filter(request.filter), fields
            )
        return pb.ReportCostsResponse(
            buckets=map(_cost_bucket, buckets), next_page=after, currency=self._costs.currency
        )

    async def EstimateCost(  # noqa: N802
        self, request: pb.EstimateCostRequest, context: Any
    ) -> pb.EstimateCostResponse:
        at = request.at.ToDatetime(tzinfo=UTC) if request.HasField("at") else None
        with edge():
            bill = await self._estimates.estimate(work_of(request), at)
        return answer_of(bill, self._estimates.currency)

    async def GetSpend(  # noqa: N802
        self, request: pb.GetSpendRequest, context: Any
    ) -> pb.GetSpendResponse:
        with edge():
            spend = await self._estimates.spend(request.project_id)
        return spend_of(spend, self._estimates.currency)


def _asked(window: pb.UsageWindow) -> Asked:
    width = _WIDTHS.get(window.width)
    if width is None:
        raise InvalidRequest("bucket_width is missing.", param="bucket_width")
    return Asked(window.start_time, window.end_time, width, window.limit, window.page)


def _filter(told: pb.UsageFilter) -> Filter:
    return Filter(
        project_ids=list(told.project_ids),
        user_ids=list(told.user_ids),
        key_ids=list(told.key_ids),
        models=list(told.models),
        batch=told.batch if told.HasField("batch") else None,
        line_items=list(told.line_items),
    )


def _fields(told: Iterable[pb.UsageField.ValueType], *, without: Field) -> list[Field]:
    found = dict.fromkeys(_FIELDS.get(each) for each in told)
    if None in found or without in found:
        raise InvalidRequest("A field of group_by is not one of this report.", param="group_by")
    return [each for each in found if each is not None]


def _group(group: Group) -> pb.UsageGroup:
    told = pb.UsageGroup()
    for field, value in group.items():
        setattr(told, field.value, value)
    return told


def _usage_bucket(bucket: Bucket[Used]) -> pb.UsageBucket:
    results = [
        pb.UsageResult(
            group=_group(each.group),
            requests=each.requests,
            estimated_requests=each.estimated_requests,
            input_tokens=each.input_tokens,
            cached_input_tokens=each.cached_input_tokens,
            output_tokens=each.output_tokens,
        )
        for each in bucket.results
    ]
    return pb.UsageBucket(start_time=bucket.span.start, end_time=bucket.span.end, results=results)


def _cost_bucket(bucket: Bucket[Cost]) -> pb.CostBucket:
    results = [
        pb.CostResult(
            group=_group(each.group),
            micros=each.micros,
            quantity=each.quantity,
            unit=each.unit,
        )
        for each in bucket.results
    ]
    return pb.CostBucket(start_time=bucket.span.start, end_time=bucket.span.end, results=results)
