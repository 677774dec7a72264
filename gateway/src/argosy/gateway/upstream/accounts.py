"""Accounts, at the registry: projects, keys, people and what may be used.

Knows how these services are asked. Does not know who may ask: `access.roles` does.
"""

from __future__ import annotations

from typing import Final, TypeVar

import grpc
from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.api.registry.v1.access_requests_pb2_grpc import AccessRequestServiceStub
from argosy.api.registry.v1.accounts_pb2_grpc import (
    AccountServiceStub,
    BudgetServiceStub,
    PeopleServiceStub,
)
from argosy.api.registry.v1.permissions_pb2_grpc import CheckpointPermissionServiceStub
from argosy.kit.rpc import calling
from grpc.aio import UnaryUnaryMultiCallable

Request = TypeVar("Request")
Response = TypeVar("Response")

_SERVICE: Final = "registry"
_TIMEOUT: Final = 10.0
# A request waits for this with a key that the snapshot lacks.
_LOOKUP_TIMEOUT: Final = 2.0


class AccountsClient:
    """The calls of accounts.proto, access_requests.proto and permissions.proto, by service.

    As in `await client.ask(client.people.GetUser, …)`.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.access = AccessRequestServiceStub(channel)
        self.accounts = AccountServiceStub(channel)
        self.people = PeopleServiceStub(channel)
        self.budgets = BudgetServiceStub(channel)
        self.permissions = CheckpointPermissionServiceStub(channel)

    async def ask(
        self, call: UnaryUnaryMultiCallable[Request, Response], request: Request
    ) -> Response:
        """Return the answer; raises what the registry raised, or Unavailable."""
        with calling(_SERVICE):
            return await call(request, timeout=_TIMEOUT)

    async def find_key(self, digest: bytes) -> pb.FindKeyResponse:
        """Return the key with this digest and its project; raises NotFound or Unavailable."""
        with calling(_SERVICE):
            return await self.accounts.FindKey(
                pb.FindKeyRequest(digest=digest), timeout=_LOOKUP_TIMEOUT
            )
