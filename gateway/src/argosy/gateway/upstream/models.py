"""Models, at the registry."""

from __future__ import annotations

from typing import Final

import grpc
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.api.registry.v1.registry_pb2_grpc import CatalogServiceStub
from argosy.kit.rpc import calling

_SERVICE: Final = "registry"
# A request waits for this only on a name that the snapshot lacks.
_LOOKUP_TIMEOUT: Final = 2.0
_DELETE_TIMEOUT: Final = 10.0


class ModelsClient:
    """The unary calls of `CatalogService` on behalf of a project."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = CatalogServiceStub(channel)

    async def get(self, project_id: str, model_id: str) -> pb.GetModelResponse:
        """Return the model; raises NotFound, also for another project's."""
        request = pb.GetModelRequest(project_id=project_id, model_id=model_id)
        with calling(_SERVICE):
            return await self._stub.GetModel(request, timeout=_LOOKUP_TIMEOUT)

    async def delete(self, project_id: str, model_id: str) -> None:
        """Delete a tuned model or a checkpoint; raises NotFound or PermissionDenied."""
        request = pb.DeleteModelRequest(project_id=project_id, model_id=model_id)
        with calling(_SERVICE):
            await self._stub.DeleteModel(request, timeout=_DELETE_TIMEOUT)
