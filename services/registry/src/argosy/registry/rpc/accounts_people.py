"""`PeopleService`: users, their parts in projects, invitations and the audit log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.api.registry.v1 import accounts_pb2_grpc
from argosy.registry.domain.accounts_audit import AuditEntry, AuditFilter
from argosy.registry.rpc import accounts_translate as to
from argosy.registry.rpc.edge import edge
from argosy.registry.rpc.translate import timestamp
from argosy.registry.usecases.accounts_audit import AuditLog
from argosy.registry.usecases.accounts_people import Invites, Members, Users


class PeopleServicer(accounts_pb2_grpc.PeopleServiceServicer):
    """Translates between `PeopleService` and the use cases."""

    def __init__(self, users: Users, members: Members, invites: Invites, audit: AuditLog) -> None:
        self._users = users
        self._members = members
        self._invites = invites
        self._audit = audit

    async def GetUser(self, request: pb.GetUserRequest, context: Any) -> pb.GetUserResponse:  # noqa: N802
        with edge():
            user = await self._users.get(request.user_id)
        return pb.GetUserResponse(user=to.user(user))

    async def UpdateUser(  # noqa: N802
        self, request: pb.UpdateUserRequest, context: Any
    ) -> pb.UpdateUserResponse:
        with edge():
            user = await self._users.update(
                to.actor(request.actor),
                request.user_id,
                request.role if request.HasField("role") else None,
            )
        return pb.UpdateUserResponse(user=to.user(user))

    async def ListUsers(  # noqa: N802
        self, request: pb.ListUsersRequest, context: Any
    ) -> pb.ListUsersResponse:
        with edge():
            found, more = await self._users.list(
                request.page.after, request.page.limit, request.emails
            )
        return pb.ListUsersResponse(users=[to.user(u) for u in found], has_more=more)

    async def DeleteUser(  # noqa: N802
        self, request: pb.DeleteUserRequest, context: Any
    ) -> pb.DeleteUserResponse:
        with edge():
            await self._users.delete(to.actor(request.actor), request.user_id)
        return pb.DeleteUserResponse()

    async def CreateMember(  # noqa: N802
        self, request: pb.CreateMemberRequest, context: Any
    ) -> pb.CreateMemberResponse:
        with edge():
            member = await self._members.add(
                to.actor(request.actor),
                request.project_id,
                request.user_id,
                request.email,
                request.role,
            )
        return pb.CreateMemberResponse(member=to.member(member))

    async def GetMember(  # noqa: N802
        self, request: pb.GetMemberRequest, context: Any
    ) -> pb.GetMemberResponse:
        with edge():
            member = await self._members.get(request.project_id, request.user_id)
        return pb.GetMemberResponse(member=to.member(member))

    async def UpdateMember(  # noqa: N802
        self, request: pb.UpdateMemberRequest, context: Any
    ) -> pb.UpdateMemberResponse:
        with edge():
            member = await self._members.update(
                to.actor(request.actor),
                request.project_id,
                request.user_id,
                request.role if request.HasField("role") else None,
            )
        return pb.UpdateMemberResponse(member=to.member(member))

    async def ListMembers(  # noqa: N802
        self, request: pb.ListMembersRequest, context: Any
    ) -> pb.ListMembersResponse:
        with edge():
            found, more = await self._members.list(
                request.project_id, request.page.after, request.page.limit
            )
        return pb.ListMembersResponse(members=[to.member(m) for m in found], has_more=more)

    async def DeleteMember(  # noqa: N802
        self, request: pb.DeleteMemberRequest, context: Any
    ) -> pb.DeleteMemberResponse:
        with edge():
            await self._members.remove(to.actor(request.actor), request.project_id, request.user_id)
        return pb.DeleteMemberResponse()

    async def CreateInvite(  # noqa: N802
        self, request: pb.CreateInviteRequest, context: Any
    ) -> pb.CreateInviteResponse:
        with edge():
            invite, token = await self._invites.create(
                to.actor(request.actor),
                request.email,
                request.role,
                [(p.id, p.role) for p in request.projects],
            )
        return pb.CreateInviteResponse(invite=to.invite(invite), token=token)

    async def GetInvite(  # noqa: N802
        self, request: pb.GetInviteRequest, context: Any
    ) -> pb.GetInviteResponse:
        with edge():
            invite = await self._invites.get(request.invite_id)
        return pb.GetInviteResponse(invite=to.invite(invite))

    async def ListInvites(  # noqa: N802
        self, request: pb.ListInvitesRequest, context: Any
    ) -> pb.ListInvitesResponse:
        with edge():
            found, more = await self._invites.list(request.page.after, request.page.limit)
        return pb.ListInvitesResponse(invites=[to.invite(i) for i in found], has_more=more)

    async def DeleteInvite(  # noqa: N802
        self, request: pb.DeleteInviteRequest, context: Any
    ) -> pb.DeleteInviteResponse:
        with edge():
            await self._invites.delete(to.actor(request.actor), request.invite_id)
        return pb.DeleteInviteResponse()

    async def AcceptInvite(  # noqa: N802
        self, request: pb.AcceptInviteRequest, context: Any
    ) -> pb.AcceptInviteResponse:
        with edge():
            user = await self._invites.accept(request.token, request.name)
        return pb.AcceptInviteResponse(user=to.user(user))

    async def ListAuditEntries(  # noqa: N802
        self, request: pb.ListAuditEntriesRequest, context: Any
    ) -> pb.ListAuditEntriesResponse:
        with edge():
            found, more = await self._audit.list(
                request.page.after, request.before, request.page.limit, _filter(request)
            )
        return pb.ListAuditEntriesResponse(entries=[_entry(e) for e in found], has_more=more)


def _filter(request: pb.ListAuditEntriesRequest) -> AuditFilter:
    return AuditFilter(
        types=tuple(request.event_types),
        project_ids=tuple(request.project_ids),
        actor_ids=tuple(request.actor_ids),
        actor_emails=tuple(email.lower() for email in request.actor_emails),
        resource_ids=tuple(request.resource_ids),
        since=_moment(request.since) if request.HasField("since") else None,
        until=_moment(request.until) if request.HasField("until") else None,
    )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _entry(entry: AuditEntry) -> pb.AuditEntry:
    return pb.AuditEntry(
        id=entry.id,
        effective_at=timestamp(entry.effective_at),
        type=entry.type,
        actor_key_id=entry.actor_key_id,
        actor_user_id=entry.actor_user_id,
        actor_user_email=entry.actor_user_email,
        actor_service_account_id=entry.actor_service_account_id,
        project_id=entry.project_id,
        project_name=entry.project_name,
        resource_id=entry.resource_id,
        details=json.dumps(entry.details),
        actor_ip_address=entry.actor_ip_address,
        actor_user_agent=entry.actor_user_agent,
    )
