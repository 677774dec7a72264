"""Data sets, at the registry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final, TypeVar

import grpc
from argosy.api.registry.v1 import datasets_pb2 as pb
from argosy.api.registry.v1.datasets_pb2_grpc import DatasetServiceStub
from argosy.gateway.upstream.deadline import within
from argosy.kit.rpc import calling
from grpc.aio import UnaryUnaryMultiCallable

Request = TypeVar("Request")
Response = TypeVar("Response")

_SERVICE: Final = "registry"
_TIMEOUT: Final = 15.0
# To copy or publish a version is to read and write all its records.
LONG_TIMEOUT: Final = 120.0
_PIECE_TIMEOUT: Final = 30.0


class DatasetsClient:
    """Calls of `DatasetService` on behalf of a project."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.service = DatasetServiceStub(channel)

    async def ask(
        self,
        call: UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        *,
        timeout: float = _TIMEOUT,
    ) -> Response:
        """Make one of `service`'s calls; raises the error that the registry answers."""
        with calling(_SERVICE):
            return await call(request, timeout=timeout)

    async def content(self, project_id: str, version_id: str) -> AsyncIterator[bytes]:
        """Yield a published version's JSONL as it comes, each piece at most 1 MiB."""
        request = pb.ReadVersionRequest(project_id=project_id, version_id=version_id)
        call: Any = self.service.ReadVersion(request)
        try:
            while True:
                async with within(_SERVICE, _PIECE_TIMEOUT):
                    answer = await call.read()
                if not isinstance(answer, pb.ReadVersionResponse):
                    return
                yield answer.chunk
        finally:
            call.cancel()
