"""`AccountService`: projects, service accounts and keys."""

from __future__ import annotations

from typing import Any

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.api.registry.v1 import accounts_pb2_grpc
from argosy.kit.errors import Unavailable
from argosy.registry.domain.limits import Priority
from argosy.registry.rpc import accounts_translate as to
from argosy.registry.rpc import translate
from argosy.registry.rpc.edge import edge
from argosy.registry.usecases.accounts import Projects, ServiceAccounts
from argosy.registry.usecases.accounts_keys import Keys, NewKey


class AccountServicer(accounts_pb2_grpc.AccountServiceServicer):
    """Translates between `AccountService` and the use cases."""

    def __init__(
        self,
        projects: Projects,
        service_accounts: ServiceAccounts,
        keys: Keys,
        *,
        gateway_url: str,
    ) -> None:
        self._projects = projects
        self._service_accounts = service_accounts
        self._keys = keys
        self._gateway_url = gateway_url

    async def CreateProject(  # noqa: N802
        self, request: pb.CreateProjectRequest, context: Any
    ) -> pb.CreateProjectResponse:
        with edge():
            project = await self._projects.create(
                to.actor(request.actor),
                request.name,
                to.limits_of(request.limits),
                request.share or 1.0,
            )
        return pb.CreateProjectResponse(project=to.project(project))

    async def GetProject(  # noqa: N802
        self, request: pb.GetProjectRequest, context: Any
    ) -> pb.GetProjectResponse:
        with edge():
            project = await self._projects.get(request.project_id)
        return pb.GetProjectResponse(project=to.project(project))

    async def UpdateProject(  # noqa: N802
        self, request: pb.UpdateProjectRequest, context: Any
    ) -> pb.UpdateProjectResponse:
        with edge():
            project = await self._projects.update(
                to.actor(request.actor),
                request.project_id,
                request.name if request.HasField("name") else None,
                to.limits_of(request.limits) if request.HasField("limits") else None,
                request.share if request.HasField("share") else None,
                stores_completions=(
                    request.stores_completions if request.HasField("stores_completions") else None
                ),
            )
        return pb.UpdateProjectResponse(project=to.project(project))

    async def ListProjects(  # noqa: N802
        self, request: pb.ListProjectsRequest, context: Any
    ) -> pb.ListProjectsResponse:
        with edge():
            found, more = await self._projects.list(
                request.page.after, request.page.limit, archived=request.include_archived
            )
        return pb.ListProjectsResponse(projects=[to.project(p) for p in found], has_more=more)

    async def ArchiveProject(  # noqa: N802
        self, request: pb.ArchiveProjectRequest, context: Any
    ) -> pb.ArchiveProjectResponse:
        with edge():
            project = await self._projects.archive(to.actor(request.actor), request.project_id)
        return pb.ArchiveProjectResponse(project=to.project(project))

    async def CreateServiceAccount(  # noqa: N802
        self, request: pb.CreateServiceAccountRequest, context: Any
    ) -> pb.CreateServiceAccountResponse:
        with edge():
            account = await self._service_accounts.create(
                to.actor(request.actor),
                request.project_id,
                request.name,
                without_access=request.role == "none",
            )
        return pb.CreateServiceAccountResponse(service_account=to.service_account(account))

    async def GetServiceAccount(  # noqa: N802
        self, request: pb.GetServiceAccountRequest, context: Any
    ) -> pb.GetServiceAccountResponse:
        with edge():
            account = await self._service_accounts.get(
                request.project_id, request.service_account_id
            )
        return pb.GetServiceAccountResponse(service_account=to.service_account(account))

    async def UpdateServiceAccount(  # noqa: N802
        self, request: pb.UpdateServiceAccountRequest, context: Any
    ) -> pb.UpdateServiceAccountResponse:
        with edge():
            account = await self._service_accounts.update(
                to.actor(request.actor),
                request.project_id,
                request.service_account_id,
                request.name if request.HasField("name") else None,
                request.role if request.HasField("role") else None,
            )
        return pb.UpdateServiceAccountResponse(service_account=to.service_account(account))

    async def ListServiceAccounts(  # noqa: N802
        self, request: pb.ListServiceAccountsRequest, context: Any
    ) -> pb.ListServiceAccountsResponse:
        with edge():
            found, more = await self._service_accounts.list(
                request.project_id, request.page.after, request.page.limit
            )
        return pb.ListServiceAccountsResponse(
            service_accounts=[to.service_account(a) for a in found], has_more=more
        )

    async def DeleteServiceAccount(  # noqa: N802
        self, request: pb.DeleteServiceAccountRequest, context: Any
    ) -> pb.DeleteServiceAccountResponse:
        with edge():
            await self._service_accounts.delete(
                to.actor(request.actor), request.project_id, request.service_account_id
            )
        return pb.DeleteServiceAccountResponse()

    async def CreateKey(  # noqa: N802
        self, request: pb.CreateKeyRequest, context: Any
    ) -> pb.CreateKeyResponse:
        asked = NewKey(
            project_id=request.project_id,
            name=request.name,
            service_account_id=request.service_account_id,
            user_id=request.user_id,
            admin_role=to.admin_role(request.admin_role),
            expires_in_seconds=request.expires_in_seconds,
            limits=to.limits_of(request.limits),
            priority=to.priority_of(request.priority) or Priority.DEFAULT,
        )
        with edge():
            made = await self._keys.create(to.actor(request.actor), asked)
        return pb.CreateKeyResponse(
            key=to.key(made.record),
            secret=made.secret,
            entry=translate.key(made.record.key),
            project=None if made.project is None else translate.project(made.project),
        )

    async def GetKey(self, request: pb.GetKeyRequest, context: Any) -> pb.GetKeyResponse:  # noqa: N802
        with edge():
            record = await self._keys.get(request.project_id, request.key_id)
        return pb.GetKeyResponse(key=to.key(record))

    async def UpdateKey(  # noqa: N802
        self, request: pb.UpdateKeyRequest, context: Any
    ) -> pb.UpdateKeyResponse:
        expires = request.HasField("expires_in_seconds")
        with edge():
            record = await self._keys.update(
                to.actor(request.actor),
                request.project_id,
                request.key_id,
                request.expires_in_seconds if expires else None,
                to.limits_of(request.limits) if request.HasField("limits") else None,
                to.priority_of(request.priority),
            )
        return pb.UpdateKeyResponse(key=to.key(record))

    async def ListKeys(  # noqa: N802
        self, request: pb.ListKeysRequest, context: Any
    ) -> pb.ListKeysResponse:
        page = request.page
        with edge():
            found, more = await self._keys.list(
                request.project_id, page.after, page.limit, ascending=page.ascending
            )
        return pb.ListKeysResponse(keys=[to.key(k) for k in found], has_more=more)

    async def DeleteKey(  # noqa: N802
        self, request: pb.DeleteKeyRequest, context: Any
    ) -> pb.DeleteKeyResponse:
        with edge():
            await self._keys.delete(to.actor(request.actor), request.project_id, request.key_id)
        return pb.DeleteKeyResponse()

    async def MintTaskKey(  # noqa: N802
        self, request: pb.MintTaskKeyRequest, context: Any
    ) -> pb.MintTaskKeyResponse:
        if not self._gateway_url:
            raise Unavailable(
                "The registry does not know the gateway's address: set ARGOSY_GATEWAY_URL.",
                code="gateway_unknown",
            )
        with edge():
            made = await self._keys.mint(request.project_id, request.purpose, request.ttl_seconds)
        return pb.MintTaskKeyResponse(
            secret=made.secret, key_id=made.record.key.id, gateway_url=self._gateway_url
        )

    async def FindKey(self, request: pb.FindKeyRequest, context: Any) -> pb.FindKeyResponse:  # noqa: N802
        with edge():
            key, project = await self._keys.find(request.digest)
        return pb.FindKeyResponse(
            key=translate.key(key), project=None if project is None else translate.project(project)
        )
