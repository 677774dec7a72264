"""`/v1/organization/invites`: how people become users.

The answer to `create` has, under `argosy`, the token that proves the invitation, shown this once:
Argosy sends no mail. Whoever has the token accepts with `POST …/invites/accept`, without a key.
"""

from __future__ import annotations

from typing import Any, Literal

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.admin.asking import Id, Text, checked, page
from argosy.gateway.http.admin.people_shapes import invite_json, user_json
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.paging import Json, Page, page_of
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.accounts import AccountsClient
from argosy.kit.clock import Clock
from litestar import Controller, Request, delete, get, post
from litestar.params import FromPath
from msgspec import UNSET, Struct, UnsetType

_DEFAULT_PROJECT = "proj_default"


class InvitedTo(Struct, forbid_unknown_fields=True):
    id: Id
    role: Literal["owner", "member"]


class NewInvite(Struct, forbid_unknown_fields=True):
    email: Text
    role: Literal["owner", "reader"]
    projects: list[InvitedTo] | UnsetType = UNSET


class Acceptance(Struct, forbid_unknown_fields=True):
    token: Text
    name: Text


class InvitesController(Controller):
    path = "/v1/organization/invites"

    @post(status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
        clock: Given[Clock],
    ) -> Json:
        body = await body_reader.json(request, NewInvite)
        # Without a word of projects OpenAI invites to the default one; an empty list is to none.
        wanted = body.projects
        projects = [InvitedTo(_DEFAULT_PROJECT, "member")] if wanted is UNSET else wanted
        asked = pb.CreateInviteRequest(
            actor=actor,
            email=body.email,
            role=body.role,
            projects=[pb.InviteProject(id=p.id, role=p.role) for p in projects],
        )
        answer = await accounts.ask(accounts.people.CreateInvite, asked)
        return invite_json(answer.invite, _seconds(clock)) | {"argosy": {"token": answer.token}}

    @post("/accept", status_code=200)
    async def accept(
        self,
        request: Request[Any, Any, Any],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
    ) -> Json:
        body = await body_reader.json(request, Acceptance)
        asked = pb.AcceptInviteRequest(token=body.token, name=body.name)
        return user_json((await accounts.ask(accounts.people.AcceptInvite, asked)).user)

    @get()
    async def list_invites(
        self,
        request: Request[Any, Any, Any],
        admin: Given[Caller],
        accounts: Given[AccountsClient],
        clock: Given[Clock],
    ) -> Page:
        answer = await accounts.ask(
            accounts.people.ListInvites, pb.ListInvitesRequest(page=page(request))
        )
        now = _seconds(clock)
        return page_of([invite_json(i, now) for i in answer.invites], has_more=answer.has_more)

    @get("/{invite_id:str}")
    async def retrieve(
        self,
        admin: Given[Caller],
        accounts: Given[AccountsClient],
        clock: Given[Clock],
        invite_id: FromPath[str],
    ) -> Json:
        asked = pb.GetInviteRequest(invite_id=checked(invite_id, "invite"))
        answer = await accounts.ask(accounts.people.GetInvite, asked)
        return invite_json(answer.invite, _seconds(clock))

    @delete("/{invite_id:str}", status_code=200)
    async def remove(
        self, actor: Given[pb.Actor], accounts: Given[AccountsClient], invite_id: FromPath[str]
    ) -> Json:
        asked = pb.DeleteInviteRequest(actor=actor, invite_id=checked(invite_id, "invite"))
        await accounts.ask(accounts.people.DeleteInvite, asked)
        return {"object": "organization.invite.deleted", "id": invite_id, "deleted": True}


def _seconds(clock: Clock) -> int:
    return int(clock.now().timestamp())
