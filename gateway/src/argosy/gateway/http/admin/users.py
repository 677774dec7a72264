"""`/v1/organization/users`: the people of the organization."""

from __future__ import annotations

from typing import Any, Final, Literal

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.admin.asking import checked, page
from argosy.gateway.http.admin.people_shapes import user_json
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.paging import Json, Page, names_of, page_of
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.accounts import AccountsClient
from litestar import Controller, Request, delete, get, post
from litestar.params import FromPath
from msgspec import Struct

_MAX_EMAILS: Final = 100


class UserChange(Struct, forbid_unknown_fields=True):
    role: Literal["owner", "reader"] | None = None


class UsersController(Controller):
    path = "/v1/organization/users"

    @get()
    async def list_users(
        self,
        request: Request[Any, Any, Any],
        admin: Given[Caller],
        accounts: Given[AccountsClient],
    ) -> Page:
        emails = names_of(request, "emails", most=_MAX_EMAILS)
        asked = pb.ListUsersRequest(page=page(request), emails=emails)
        answer = await accounts.ask(accounts.people.ListUsers, asked)
        return page_of([user_json(user) for user in answer.users], has_more=answer.has_more)

    @get("/{user_id:str}")
    async def retrieve(
        self, admin: Given[Caller], accounts: Given[AccountsClient], user_id: FromPath[str]
    ) -> Json:
        asked = pb.GetUserRequest(user_id=checked(user_id, "user"))
        return user_json((await accounts.ask(accounts.people.GetUser, asked)).user)

    @post("/{user_id:str}", status_code=200)
    async def update(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
        user_id: FromPath[str],
    ) -> Json:
        body = await body_reader.json(request, UserChange)
        asked = pb.UpdateUserRequest(actor=actor, user_id=checked(user_id, "user"), role=body.role)
        return user_json((await accounts.ask(accounts.people.UpdateUser, asked)).user)

    @delete("/{user_id:str}", status_code=200)
    async def remove(
        self, actor: Given[pb.Actor], accounts: Given[AccountsClient], user_id: FromPath[str]
    ) -> Json:
        asked = pb.DeleteUserRequest(actor=actor, user_id=checked(user_id, "user"))
        await accounts.ask(accounts.people.DeleteUser, asked)
        return {"object": "organization.user.deleted", "id": user_id, "deleted": True}
