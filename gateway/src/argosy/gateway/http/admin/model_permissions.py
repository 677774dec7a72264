"""`/v1/organization/projects/{id}/model_permissions`: which models a project may name."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.api.registry.v1 import registry_pb2
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.admin.asking import Text, checked
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.paging import Json
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.accounts import AccountsClient
from litestar import Controller, Request, delete, get, post
from litestar.params import FromPath
from msgspec import Meta, Struct

_MODES: Final = {
    "allow_list": registry_pb2.MODEL_ACCESS_MODE_ALLOW_LIST,
    "deny_list": registry_pb2.MODEL_ACCESS_MODE_DENY_LIST,
}
_WORDS: Final[dict[int, str]] = {number: word for word, number in _MODES.items()}


class Permissions(Struct, forbid_unknown_fields=True):
    mode: Literal["allow_list", "deny_list"]
    model_ids: Annotated[list[Text], Meta(max_length=500)]


class ModelPermissionsController(Controller):
    path = "/v1/organization/projects/{project_id:str}/model_permissions"

    @get()
    async def retrieve(
        self, admin: Given[Caller], accounts: Given[AccountsClient], project_id: FromPath[str]
    ) -> Json:
        asked = pb.GetModelPermissionsRequest(project_id=checked(project_id, "project"))
        answer = await accounts.ask(accounts.budgets.GetModelPermissions, asked)
        return _permissions_json(answer.permissions)

    @post(status_code=200)
    async def update(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
        project_id: FromPath[str],
    ) -> Json:
        body = await body_reader.json(request, Permissions)
        asked = pb.SetModelPermissionsRequest(
            actor=actor,
            project_id=checked(project_id, "project"),
            access=registry_pb2.ModelAccess(mode=_MODES[body.mode], model_ids=body.model_ids),
        )
        answer = await accounts.ask(accounts.budgets.SetModelPermissions, asked)
        return _permissions_json(answer.permissions)

    @delete(status_code=200)
    async def remove(
        self, actor: Given[pb.Actor], accounts: Given[AccountsClient], project_id: FromPath[str]
    ) -> Json:
        asked = pb.SetModelPermissionsRequest(
            actor=actor, project_id=checked(project_id, "project")
        )
        await accounts.ask(accounts.budgets.SetModelPermissions, asked)
        return {"object": "project.model_permissions.deleted", "deleted": True}


def _permissions_json(value: pb.ModelPermissions) -> Json:
    return {
        "object": "project.model_permissions",
        "mode": _WORDS[value.access.mode],
        "model_ids": list(value.access.model_ids),
    }
