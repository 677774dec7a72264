"""The part of `DatasetService` that serves single records."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from argosy.api.registry.v1 import datasets_pb2 as pb
from argosy.api.registry.v1 import datasets_pb2_grpc
from argosy.registry.datasets import translate as to
from argosy.registry.datasets.operators.insight import filters
from argosy.registry.datasets.sets import RecordFilter
from argosy.registry.datasets.usecases.records import Records
from argosy.registry.rpc.edge import edge


class RecordCalls(datasets_pb2_grpc.DatasetServiceServicer):
    """Translates the calls on records."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def ListRecords(  # noqa: N802
        self, request: pb.ListRecordsRequest, context: Any
    ) -> pb.ListRecordsResponse:
        wanted = RecordFilter(
            tuple(request.statuses),
            request.contains,
            request.min_characters,
            request.max_characters,
        )
        with edge():
            if request.filter:
                wanted = replace(wanted, traits=filters.check(json.loads(request.filter)))
            version, found, more = await self._records.list(
                request.project_id,
                request.version_id,
                wanted,
                request.page.after,
                request.page.limit,
                descending=not request.page.ascending,
            )
        return pb.ListRecordsResponse(
            records=[to.record(version.id, r) for r in found], has_more=more
        )

    async def GetRecord(  # noqa: N802
        self, request: pb.GetRecordRequest, context: Any
    ) -> pb.GetRecordResponse:
        with edge():
            found = await self._records.get(
                request.project_id, request.version_id, request.record_id
            )
        return pb.GetRecordResponse(record=to.record(request.version_id, found))

    async def NextRecord(  # noqa: N802
        self, request: pb.NextRecordRequest, context: Any
    ) -> pb.NextRecordResponse:
        with edge():
            version, found = await self._records.next(
                request.project_id, request.version_id, request.after_id
            )
        return pb.NextRecordResponse(
            record=None if found is None else to.record(version.id, found),
            version=to.version(version),
        )

    async def AddRecord(  # noqa: N802
        self, request: pb.AddRecordRequest, context: Any
    ) -> pb.AddRecordResponse:
        with edge():
            made = await self._records.add(
                request.project_id, request.version_id, request.body, request.key_id
            )
        return pb.AddRecordResponse(record=to.record(request.version_id, made))

    async def AnnotateRecord(  # noqa: N802
        self, request: pb.AnnotateRecordRequest, context: Any
    ) -> pb.AnnotateRecordResponse:
        with edge():
            version, changed = await self._records.annotate(
                request.project_id,
                request.version_id,
                request.record_id,
                request.annotation,
                request.key_id,
            )
        return pb.AnnotateRecordResponse(
            record=to.record(version.id, changed), version=to.version(version)
        )

    async def DeleteRecord(  # noqa: N802
        self, request: pb.DeleteRecordRequest, context: Any
    ) -> pb.DeleteRecordResponse:
        with edge():
            await self._records.delete(request.project_id, request.version_id, request.record_id)
        return pb.DeleteRecordResponse()

    async def AcceptDrafts(  # noqa: N802
        self, request: pb.AcceptDraftsRequest, context: Any
    ) -> pb.AcceptDraftsResponse:
        with edge():
            accepted, version = await self._records.accept_drafts(
                request.project_id, request.version_id, request.key_id
            )
        return pb.AcceptDraftsResponse(accepted=accepted, version=to.version(version))
