"""`/v1/organization/admin_api_keys`: keys that open the admin API and nothing else."""

from __future__ import annotations

from typing import Any, Final, Literal

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.api.registry.v1 import registry_pb2
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.admin.asking import Seconds, Text, checked, page
from argosy.gateway.http.admin.making_keys import KeyDesk
from argosy.gateway.http.admin.shapes import admin_key_json
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.paging import Json, Page, page_of
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.accounts import AccountsClient
from litestar import Controller, Request, delete, get, post
from litestar.params import FromPath
from msgspec import Struct

_WHAT = "admin API key"
_ROLES: Final = {
    "owner": registry_pb2.ADMIN_ROLE_OWNER,
    "reader": registry_pb2.ADMIN_ROLE_READER,
}


class Extension(Struct, forbid_unknown_fields=True):
    """The key `argosy`: a reader's key sees everything and changes nothing."""

    role: Literal["owner", "reader"] = "owner"


class NewAdminKey(Struct, forbid_unknown_fields=True):
    name: Text
    expires_in_seconds: Seconds | None = None
    argosy: Extension | None = None


class AdminApiKeysController(Controller):
    path = "/v1/organization/admin_api_keys"

    @post(status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        key_desk: Given[KeyDesk],
    ) -> Json:
        body = await body_reader.json(request, NewAdminKey)
        asked = pb.CreateKeyRequest(
            actor=actor,
            name=body.name,
            admin_role=_ROLES[(body.argosy or Extension()).role],
            expires_in_seconds=body.expires_in_seconds or 0,
        )
        made = await key_desk.make(asked)
        return admin_key_json(made.key) | {"value": made.secret}

    @get()
    async def list_keys(
        self,
        request: Request[Any, Any, Any],
        admin: Given[Caller],
        accounts: Given[AccountsClient],
    ) -> Page:
        asked = pb.ListKeysRequest(page=page(request, ordered=True))
        answer = await accounts.ask(accounts.accounts.ListKeys, asked)
        return page_of([admin_key_json(key) for key in answer.keys], has_more=answer.has_more)

    @get("/{key_id:str}")
    async def retrieve(
        self, admin: Given[Caller], accounts: Given[AccountsClient], key_id: FromPath[str]
    ) -> Json:
        asked = pb.GetKeyRequest(key_id=checked(key_id, _WHAT))
        return admin_key_json((await accounts.ask(accounts.accounts.GetKey, asked)).key)

    @delete("/{key_id:str}", status_code=200)
    async def remove(
        self, actor: Given[pb.Actor], key_desk: Given[KeyDesk], key_id: FromPath[str]
    ) -> Json:
        await key_desk.end(pb.DeleteKeyRequest(actor=actor, key_id=checked(key_id, _WHAT)))
        return {"object": "organization.admin_api_key.deleted", "id": key_id, "deleted": True}
