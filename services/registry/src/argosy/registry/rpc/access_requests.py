"""`AccessRequestService`: who asks for access, and what became of it."""

from __future__ import annotations

from typing import Any

from argosy.api.registry.v1 import access_requests_pb2 as pb
from argosy.api.registry.v1 import access_requests_pb2_grpc
from argosy.registry.domain.access_requests import AccessRequest
from argosy.registry.domain.accounts_audit import Actor
from argosy.registry.rpc import accounts_translate as to
from argosy.registry.rpc.edge import edge
from argosy.registry.rpc.translate import timestamp
from argosy.registry.usecases.access_requests import AccessRequests


class AccessRequestServicer(access_requests_pb2_grpc.AccessRequestServiceServicer):
    """Translates between `AccessRequestService` and the use cases."""

    def __init__(self, requests: AccessRequests) -> None:
        self._requests = requests

    async def CreateAccessRequest(  # noqa: N802
        self, request: pb.CreateAccessRequestRequest, context: Any
    ) -> pb.CreateAccessRequestResponse:
        with edge():
            asked, secret = await self._requests.create(
                Actor("", request.ip_address, request.user_agent),
                request.email,
                request.name,
                request.company,
                request.scenario,
            )
        return pb.CreateAccessRequestResponse(request=_message(asked), secret=secret)

    async def GetAccessRequest(  # noqa: N802
        self, request: pb.GetAccessRequestRequest, context: Any
    ) -> pb.GetAccessRequestResponse:
        with edge():
            found = await self._requests.get(request.request_id)
        return pb.GetAccessRequestResponse(request=_message(found))

    async def ListAccessRequests(  # noqa: N802
        self, request: pb.ListAccessRequestsRequest, context: Any
    ) -> pb.ListAccessRequestsResponse:
        with edge():
            found, more = await self._requests.list(
                request.page.after, request.page.limit, request.status
            )
        return pb.ListAccessRequestsResponse(requests=map(_message, found), has_more=more)

    async def DecideAccessRequest(  # noqa: N802
        self, request: pb.DecideAccessRequestRequest, context: Any
    ) -> pb.DecideAccessRequestResponse:
        actor = to.actor(request.actor)
        with edge():
            if request.approve:
                decided = await self._requests.approve(
                    actor, request.request_id, request.project_id, request.role
                )
            else:
                decided = await self._requests.reject(actor, request.request_id, request.reason)
        return pb.DecideAccessRequestResponse(request=_message(decided))


def _message(value: AccessRequest) -> pb.AccessRequest:
    decided = value.decided_at
    return pb.AccessRequest(
        id=value.id,
        email=value.email,
        name=value.name,
        company=value.company,
        scenario=value.scenario,
        status=value.status.value,
        created_at=timestamp(value.created_at),
        decided_at=None if decided is None else timestamp(decided),
        user_id=value.user_id,
        project_id=value.project_id,
        role=value.role,
        key_id=value.key_id,
        redacted_value=f"{value.key_prefix}...{value.key_suffix}",
        reason=value.reason,
    )
