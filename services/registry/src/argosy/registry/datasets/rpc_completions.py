"""`CompletionService`: stored completions."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from argosy.api.registry.v1 import completions_pb2 as pb
from argosy.api.registry.v1 import completions_pb2_grpc
from argosy.registry.datasets.completions import StoredCompletion
from argosy.registry.datasets.usecases.completions import Completions
from argosy.registry.rpc.edge import edge
from argosy.registry.rpc.translate import timestamp


class CompletionServicer(completions_pb2_grpc.CompletionServiceServicer):
    """Translates between `CompletionService` and the use cases."""

    def __init__(self, completions: Completions) -> None:
        self._completions = completions

    async def StoreCompletion(  # noqa: N802
        self, request: pb.StoreCompletionRequest, context: Any
    ) -> pb.StoreCompletionResponse:
        told = request.completion
        value = StoredCompletion(
            told.id,
            told.project_id,
            told.model,
            told.created_at.ToDatetime(UTC),
            told.messages,
            told.completion,
            dict(told.metadata),
        )
        with edge():
            await self._completions.store(value)
        return pb.StoreCompletionResponse()

    async def GetCompletion(  # noqa: N802
        self, request: pb.GetCompletionRequest, context: Any
    ) -> pb.GetCompletionResponse:
        with edge():
            found = await self._completions.get(request.project_id, request.completion_id)
        return pb.GetCompletionResponse(completion=_message(found))

    async def ListCompletions(  # noqa: N802
        self, request: pb.ListCompletionsRequest, context: Any
    ) -> pb.ListCompletionsResponse:
        with edge():
            found, more = await self._completions.list(
                request.project_id,
                request.page.after,
                request.page.limit,
                ascending=request.page.ascending,
                model=request.model,
                metadata=request.metadata,
                bad_cases=request.bad_cases,
            )
        return pb.ListCompletionsResponse(completions=[_message(c) for c in found], has_more=more)

    async def UpdateCompletion(  # noqa: N802
        self, request: pb.UpdateCompletionRequest, context: Any
    ) -> pb.UpdateCompletionResponse:
        with edge():
            found = await self._completions.retag(
                request.project_id, request.completion_id, request.metadata
            )
        return pb.UpdateCompletionResponse(completion=_message(found))

    async def DeleteCompletion(  # noqa: N802
        self, request: pb.DeleteCompletionRequest, context: Any
    ) -> pb.DeleteCompletionResponse:
        with edge():
            await self._completions.delete(request.project_id, request.completion_id)
        return pb.DeleteCompletionResponse()


def _message(value: StoredCompletion) -> pb.StoredCompletion:
    return pb.StoredCompletion(
        id=value.id,
        project_id=value.project_id,
        model=value.model,
        created_at=timestamp(value.created_at),
        messages=value.messages,
        completion=value.completion,
        metadata=value.metadata,
        bad_case=value.bad_case or "",
    )
