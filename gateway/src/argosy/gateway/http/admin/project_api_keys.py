"""`/v1/organization/projects/{id}/api_keys`: a project's keys, a person's or a service account's.

OpenAI's API makes keys only for service accounts; `POST` here is our own, for people.
"""

from __future__ import annotations

from typing import Any

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.api.registry.v1 import registry_pb2
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.admin.asking import Id, Seconds, Text, checked, page
from argosy.gateway.http.admin.extension import KeyExtension, limits_message, priority_number
from argosy.gateway.http.admin.making_keys import KeyDesk
from argosy.gateway.http.admin.shapes import project_key_json
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.paging import Json, Page, page_of
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.accounts import AccountsClient
from argosy.kit.errors import InvalidRequest
from litestar import Controller, Request, delete, get, post
from litestar.params import FromPath
from msgspec import Struct

_WHAT = "API key"


class NewKey(Struct, forbid_unknown_fields=True):
    """`user_id` is whose it is; the key that asks says it by default."""

    name: Text
    user_id: Id | None = None
    service_account_id: Id | None = None
    expires_in_seconds: Seconds | None = None
    argosy: KeyExtension | None = None


class KeyChange(Struct, forbid_unknown_fields=True):
    expires_in_seconds: Seconds | None = None
    scopes: list[str] | None = None
    argosy: KeyExtension | None = None


class ProjectApiKeysController(Controller):
    path = "/v1/organization/projects/{project_id:str}/api_keys"

    @post(status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        key_desk: Given[KeyDesk],
        project_id: FromPath[str],
    ) -> Json:
        body = await body_reader.json(request, NewKey)
        asked = pb.CreateKeyRequest(
            actor=actor,
            project_id=checked(project_id, "project"),
            name=body.name,
            user_id=body.user_id or "",
            service_account_id=body.service_account_id or "",
            expires_in_seconds=body.expires_in_seconds or 0,
            limits=limits_message(body.argosy),
            priority=priority_number(body.argosy) or registry_pb2.PRIORITY_UNSPECIFIED,
        )
        made = await key_desk.make(asked)
        return project_key_json(made.key) | {"value": made.secret}

    @get()
    async def list_keys(
        self,
        request: Request[Any, Any, Any],
        admin: Given[Caller],
        accounts: Given[AccountsClient],
        project_id: FromPath[str],
    ) -> Page:
        asked = pb.ListKeysRequest(project_id=checked(project_id, "project"), page=page(request))
        answer = await accounts.ask(accounts.accounts.ListKeys, asked)
        return page_of([project_key_json(key) for key in answer.keys], has_more=answer.has_more)

    @get("/{key_id:str}")
    async def retrieve(
        self,
        admin: Given[Caller],
        accounts: Given[AccountsClient],
        project_id: FromPath[str],
        key_id: FromPath[str],
    ) -> Json:
        asked = pb.GetKeyRequest(
            project_id=checked(project_id, "project"), key_id=checked(key_id, _WHAT)
        )
        return project_key_json((await accounts.ask(accounts.accounts.GetKey, asked)).key)

    @post("/{key_id:str}", status_code=200)
    async def update(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
        project_id: FromPath[str],
        key_id: FromPath[str],
    ) -> Json:
        body = await body_reader.json(request, KeyChange)
        if body.scopes:
            raise InvalidRequest(
                "Scopes of keys are not supported. Leave 'scopes' out: the key may do what its "
                "project may.",
                param="scopes",
                code="unsupported_parameter",
            )
        asked = pb.UpdateKeyRequest(
            actor=actor,
            project_id=checked(project_id, "project"),
            key_id=checked(key_id, _WHAT),
            expires_in_seconds=body.expires_in_seconds,
            limits=limits_message(body.argosy),
            priority=priority_number(body.argosy),
        )
        return project_key_json((await accounts.ask(accounts.accounts.UpdateKey, asked)).key)

    @delete("/{key_id:str}", status_code=200)
    async def remove(
        self,
        actor: Given[pb.Actor],
        key_desk: Given[KeyDesk],
        project_id: FromPath[str],
        key_id: FromPath[str],
    ) -> Json:
        await key_desk.end(
            pb.DeleteKeyRequest(
                actor=actor,
                project_id=checked(project_id, "project"),
                key_id=checked(key_id, _WHAT),
            )
        )
        return {"object": "organization.project.api_key.deleted", "id": key_id, "deleted": True}
