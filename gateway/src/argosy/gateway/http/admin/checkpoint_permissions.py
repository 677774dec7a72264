"""`/v1/fine_tuning/checkpoints/{model}/permissions`: which other projects may call a tuned model.

OpenAI has it among the calls of tuning, with an admin API key. A model's name may hold `/`, so
what follows it is read here from the end of the path.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from argosy.api import ids
from argosy.api.registry.v1 import accounts_pb2
from argosy.api.registry.v1 import permissions_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.catalog import Catalog
from argosy.gateway.http.admin.asking import MAX_PAGE, Id, checked
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.paging import Json, Page, page_of, page_request, query_of
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.accounts import AccountsClient
from argosy.gateway.upstream.model_lookup import model_not_found
from argosy.kit.errors import InvalidRequest, NotFound
from litestar import Controller, Request, delete, get, post
from litestar.params import FromPath
from msgspec import Meta, Struct

_COLLECTION: Final = re.compile(r"/(?P<model>.+)/permissions/?")
_ONE: Final = re.compile(r"/(?P<model>.+)/permissions/(?P<permission>[^/]+)")
# OpenAI's words for the order of this one list.
_ORDERS: Final = {"ascending": "asc", "descending": "desc"}


class CheckpointSharing:
    """Grants and takes back, so that what was answered holds on this gateway at once."""

    def __init__(self, accounts: AccountsClient, catalog: Catalog) -> None:
        self._accounts = accounts
        self._catalog = catalog

    async def grant(self, asked: pb.CreatePermissionsRequest) -> list[pb.CheckpointPermission]:
        """Return the permissions; raises what the registry raises."""
        answer = await self._accounts.ask(self._accounts.permissions.CreatePermissions, asked)
        self._catalog.learn(answer.model, answer.revision)
        return list(answer.permissions)

    async def take(self, asked: pb.DeletePermissionRequest) -> None:
        """Take a permission back; raises what the registry raises."""
        answer = await self._accounts.ask(self._accounts.permissions.DeletePermission, asked)
        self._catalog.learn(answer.model, answer.revision)


class NewPermissions(Struct, forbid_unknown_fields=True):
    project_ids: Annotated[list[Id], Meta(min_length=1, max_length=100)]


class CheckpointPermissionsController(Controller):
    path = "/v1/fine_tuning/checkpoints"

    @post("/{rest:path}", status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        actor: Given[accounts_pb2.Actor],
        body_reader: Given[BodyReader],
        checkpoint_sharing: Given[CheckpointSharing],
        rest: FromPath[str],
    ) -> Page:
        model_id = _model(rest)
        body = await body_reader.json(request, NewPermissions)
        made = await checkpoint_sharing.grant(
            pb.CreatePermissionsRequest(
                actor=actor, model_id=model_id, project_ids=body.project_ids
            )
        )
        return page_of([_permission_json(each) for each in made], has_more=False)

    @get("/{rest:path}")
    async def list_permissions(
        self,
        request: Request[Any, Any, Any],
        admin: Given[Caller],
        accounts: Given[AccountsClient],
        rest: FromPath[str],
    ) -> Page:
        query = query_of(request, "after", "limit", "order", "project_id")
        project_id = query.pop("project_id", "")
        query["order"] = _order(query.get("order", "descending"))
        asked = pb.ListPermissionsRequest(
            model_id=_model(rest),
            project_id=checked(project_id, "project") if project_id else "",
            page=page_request(query, maximum=MAX_PAGE, ordered=True),
        )
        answer = await accounts.ask(accounts.permissions.ListPermissions, asked)
        return page_of(
            [_permission_json(each) for each in answer.permissions], has_more=answer.has_more
        )

    @delete("/{rest:path}", status_code=200)
    async def remove(
        self,
        actor: Given[accounts_pb2.Actor],
        checkpoint_sharing: Given[CheckpointSharing],
        rest: FromPath[str],
    ) -> Json:
        match = _ONE.fullmatch(rest)
        if match is None:
            raise _no_route(rest)
        permission_id = checked(match["permission"], "permission")
        await checkpoint_sharing.take(
            pb.DeletePermissionRequest(
                actor=actor, model_id=_tuned(match["model"]), permission_id=permission_id
            )
        )
        return {"id": permission_id, "object": "checkpoint.permission", "deleted": True}


def _model(rest: str) -> str:
    match = _COLLECTION.fullmatch(rest)
    if match is None:
        raise _no_route(rest)
    return _tuned(match["model"])


def _tuned(name: str) -> str:
    if not ids.is_tuned_model_id(name):
        # As unknown as one that was never trained: only these can be shared.
        raise model_not_found(name)
    return name


def _no_route(rest: str) -> NotFound:
    return NotFound(
        f"There is nothing at /v1/fine_tuning/checkpoints{rest[:128]}. Permissions of a tuned "
        "model are at /v1/fine_tuning/checkpoints/{model}/permissions."
    )


def _order(asked: str) -> str:
    if asked not in _ORDERS:
        raise InvalidRequest(
            "Invalid value for 'order': send 'ascending' or 'descending'.",
            param="order",
            code="invalid_value",
        )
    return _ORDERS[asked]


def _permission_json(value: pb.CheckpointPermission) -> Json:
    return {
        "id": value.id,
        "object": "checkpoint.permission",
        "created_at": value.created_at.seconds,
        "project_id": value.project_id,
    }
