"""`/v1/organization/projects/{id}/service_accounts`: what has keys and is no person."""

from __future__ import annotations

from typing import Any, Literal

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.admin.asking import Seconds, Text, checked, page
from argosy.gateway.http.admin.making_keys import KeyDesk
from argosy.gateway.http.admin.shapes import service_account_json, service_account_key_json
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.paging import Json, Page, page_of
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.accounts import AccountsClient
from argosy.kit.errors import InvalidRequest
from litestar import Controller, Request, delete, get, post
from litestar.params import FromPath
from msgspec import Struct

_WHAT = "service account"


class NewServiceAccount(Struct, forbid_unknown_fields=True):
    name: Text
    create_service_account_only: bool | None = None
    expires_in_seconds: Seconds | None = None


class ServiceAccountChange(Struct, forbid_unknown_fields=True):
    name: Text | None = None
    role: Literal["member", "owner"] | None = None


class NewServiceAccountKey(Struct, forbid_unknown_fields=True):
    name: Text | None = None
    expires_in_seconds: Seconds | None = None
    scopes: list[str] | None = None


class ServiceAccountsController(Controller):
    path = "/v1/organization/projects/{project_id:str}/service_accounts"

    @post(status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
        key_desk: Given[KeyDesk],
        project_id: FromPath[str],
    ) -> Json:
        body = await body_reader.json(request, NewServiceAccount)
        alone = bool(body.create_service_account_only)
        if alone and body.expires_in_seconds is not None:
            raise InvalidRequest(
                "'expires_in_seconds' is for the account's first key, and "
                "'create_service_account_only' asks for none. Leave one of them out.",
                param="expires_in_seconds",
            )
        asked = pb.CreateServiceAccountRequest(
            actor=actor,
            project_id=checked(project_id, "project"),
            name=body.name,
            role="none" if alone else "member",
        )
        account = (
            await accounts.ask(accounts.accounts.CreateServiceAccount, asked)
        ).service_account
        shown = service_account_json(account) | {"api_key": None}
        if not alone:
            key = pb.CreateKeyRequest(
                actor=actor,
                project_id=account.project_id,
                name="Secret Key",
                service_account_id=account.id,
                expires_in_seconds=body.expires_in_seconds or 0,
            )
            shown["api_key"] = service_account_key_json(await key_desk.make(key))
        return shown

    @get()
    async def list_accounts(
        self,
        request: Request[Any, Any, Any],
        admin: Given[Caller],
        accounts: Given[AccountsClient],
        project_id: FromPath[str],
    ) -> Page:
        asked = pb.ListServiceAccountsRequest(
            project_id=checked(project_id, "project"), page=page(request)
        )
        answer = await accounts.ask(accounts.accounts.ListServiceAccounts, asked)
        data = [service_account_json(account) for account in answer.service_accounts]
        return page_of(data, has_more=answer.has_more)

    @get("/{account_id:str}")
    async def retrieve(
        self,
        admin: Given[Caller],
        accounts: Given[AccountsClient],
        project_id: FromPath[str],
        account_id: FromPath[str],
    ) -> Json:
        asked = pb.GetServiceAccountRequest(
            project_id=checked(project_id, "project"),
            service_account_id=checked(account_id, _WHAT),
        )
        answer = await accounts.ask(accounts.accounts.GetServiceAccount, asked)
        return service_account_json(answer.service_account)

    @post("/{account_id:str}", status_code=200)
    async def update(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
        project_id: FromPath[str],
        account_id: FromPath[str],
    ) -> Json:
        body = await body_reader.json(request, ServiceAccountChange)
        asked = pb.UpdateServiceAccountRequest(
            actor=actor,
            project_id=checked(project_id, "project"),
            service_account_id=checked(account_id, _WHAT),
            name=body.name,
            role=body.role,
        )
        answer = await accounts.ask(accounts.accounts.UpdateServiceAccount, asked)
        return service_account_json(answer.service_account)

    @delete("/{account_id:str}", status_code=200)
    async def remove(
        self,
        actor: Given[pb.Actor],
        accounts: Given[AccountsClient],
        project_id: FromPath[str],
        account_id: FromPath[str],
    ) -> Json:
        asked = pb.DeleteServiceAccountRequest(
            actor=actor,
            project_id=checked(project_id, "project"),
            service_account_id=checked(account_id, _WHAT),
        )
        await accounts.ask(accounts.accounts.DeleteServiceAccount, asked)
        return {
            "object": "organization.project.service_account.deleted",
            "id": account_id,
            "deleted": True,
        }

    @post("/{account_id:str}/api_keys", status_code=200)
    async def create_key(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        key_desk: Given[KeyDesk],
        project_id: FromPath[str],
        account_id: FromPath[str],
    ) -> Json:
        body = await body_reader.json(request, NewServiceAccountKey)
        if body.scopes:
            raise InvalidRequest(
                "Scopes of keys are not supported. Leave 'scopes' out: the key may do what its "
                "project may.",
                param="scopes",
                code="unsupported_parameter",
            )
        asked = pb.CreateKeyRequest(
            actor=actor,
            project_id=checked(project_id, "project"),
            name=body.name or "Secret Key",
            service_account_id=checked(account_id, _WHAT),
            expires_in_seconds=body.expires_in_seconds or 0,
        )
        return service_account_key_json(await key_desk.make(asked))
