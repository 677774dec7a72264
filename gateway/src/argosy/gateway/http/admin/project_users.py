"""`/v1/organization/projects/{id}/users`: who belongs to a project, as an owner or a member."""

from __future__ import annotations

from typing import Any, Literal

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.admin.asking import Id, Text, checked, page
from argosy.gateway.http.admin.people_shapes import member_json
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.paging import Json, Page, page_of
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.accounts import AccountsClient
from litestar import Controller, Request, delete, get, post
from litestar.params import FromPath
from msgspec import Struct


class NewMember(Struct, forbid_unknown_fields=True):
    role: Literal["owner", "member"]
    user_id: Id | None = None
    email: Text | None = None


class MemberChange(Struct, forbid_unknown_fields=True):
    role: Literal["owner", "member"] | None = None


class ProjectUsersController(Controller):
    path = "/v1/organization/projects/{project_id:str}/users"

    @post(status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
        project_id: FromPath[str],
    ) -> Json:
        body = await body_reader.json(request, NewMember)
        asked = pb.CreateMemberRequest(
            actor=actor,
            project_id=checked(project_id, "project"),
            user_id=body.user_id or "",
            email=body.email or "",
            role=body.role,
        )
        return member_json((await accounts.ask(accounts.people.CreateMember, asked)).member)

    @get()
    async def list_members(
        self,
        request: Request[Any, Any, Any],
        admin: Given[Caller],
        accounts: Given[AccountsClient],
        project_id: FromPath[str],
    ) -> Page:
        asked = pb.ListMembersRequest(project_id=checked(project_id, "project"), page=page(request))
        answer = await accounts.ask(accounts.people.ListMembers, asked)
        return page_of([member_json(m) for m in answer.members], has_more=answer.has_more)

    @get("/{user_id:str}")
    async def retrieve(
        self,
        admin: Given[Caller],
        accounts: Given[AccountsClient],
        project_id: FromPath[str],
        user_id: FromPath[str],
    ) -> Json:
        asked = pb.GetMemberRequest(
            project_id=checked(project_id, "project"), user_id=checked(user_id, "user")
        )
        return member_json((await accounts.ask(accounts.people.GetMember, asked)).member)

    @post("/{user_id:str}", status_code=200)
    async def update(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
        project_id: FromPath[str],
        user_id: FromPath[str],
    ) -> Json:
        body = await body_reader.json(request, MemberChange)
        asked = pb.UpdateMemberRequest(
            actor=actor,
            project_id=checked(project_id, "project"),
            user_id=checked(user_id, "user"),
            role=body.role,
        )
        return member_json((await accounts.ask(accounts.people.UpdateMember, asked)).member)

    @delete("/{user_id:str}", status_code=200)
    async def remove(
        self,
        actor: Given[pb.Actor],
        accounts: Given[AccountsClient],
        project_id: FromPath[str],
        user_id: FromPath[str],
    ) -> Json:
        asked = pb.DeleteMemberRequest(
            actor=actor,
            project_id=checked(project_id, "project"),
            user_id=checked(user_id, "user"),
        )
        await accounts.ask(accounts.people.DeleteMember, asked)
        return {"object": "organization.project.user.deleted", "id": user_id, "deleted": True}
