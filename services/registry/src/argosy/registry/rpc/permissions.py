"""`CheckpointPermissionService`: which other projects may call a tuned model."""

from __future__ import annotations

from typing import Any

from argosy.api.registry.v1 import permissions_pb2 as pb
from argosy.api.registry.v1 import permissions_pb2_grpc
from argosy.registry.domain.permissions import CheckpointPermission
from argosy.registry.rpc import accounts_translate as to
from argosy.registry.rpc.edge import edge
from argosy.registry.rpc.translate import Translator, timestamp
from argosy.registry.usecases.permissions import CheckpointPermissions


class CheckpointPermissionServicer(permissions_pb2_grpc.CheckpointPermissionServiceServicer):
    """Translates between `CheckpointPermissionService` and the use cases."""

    def __init__(self, permissions: CheckpointPermissions, translator: Translator) -> None:
        self._permissions = permissions
        self._translator = translator

    async def CreatePermissions(  # noqa: N802
        self, request: pb.CreatePermissionsRequest, context: Any
    ) -> pb.CreatePermissionsResponse:
        with edge():
            shared = await self._permissions.create(
                to.actor(request.actor), request.model_id, list(request.project_ids)
            )
        return pb.CreatePermissionsResponse(
            permissions=[_permission(each) for each in shared.permissions],
            model=self._translator.model(shared.model),
            revision=shared.revision,
        )

    async def ListPermissions(  # noqa: N802
        self, request: pb.ListPermissionsRequest, context: Any
    ) -> pb.ListPermissionsResponse:
        page = request.page
        with edge():
            found, more = await self._permissions.page(
                request.model_id,
                request.project_id,
                page.after,
                page.limit,
                ascending=page.ascending,
            )
        return pb.ListPermissionsResponse(
            permissions=[_permission(each) for each in found], has_more=more
        )

    async def DeletePermission(  # noqa: N802
        self, request: pb.DeletePermissionRequest, context: Any
    ) -> pb.DeletePermissionResponse:
        with edge():
            shared = await self._permissions.delete(
                to.actor(request.actor), request.model_id, request.permission_id
            )
        return pb.DeletePermissionResponse(
            model=self._translator.model(shared.model), revision=shared.revision
        )


def _permission(value: CheckpointPermission) -> pb.CheckpointPermission:
    return pb.CheckpointPermission(
        id=value.id,
        model_id=value.model_id,
        project_id=value.project_id,
        created_at=timestamp(value.created_at),
    )
