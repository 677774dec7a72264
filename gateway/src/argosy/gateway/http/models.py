"""`/v1/models`: what can be called by name."""

from __future__ import annotations

from typing import Any

from argosy.gateway.access.keys import Caller
from argosy.gateway.http.model_shapes import (
    Json,
    find_json,
    list_json,
    visible_json,
    wanted_state,
)
from argosy.gateway.http.paging import query_of
from argosy.gateway.http.ports import Given, Models, States
from litestar import Controller, Request, get
from litestar.params import FromPath


class ModelsController(Controller):
    """A model id may hold `:` and `/`, so it is the whole rest of the path."""

    path = "/v1/models"

    @get()
    async def list_models(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        models: Given[Models],
        states: Given[States],
    ) -> Json:
        wanted = wanted_state(query_of(request, "state").get("state"))
        return list_json(visible_json(models, states, caller.project_id), wanted)

    @get("/{model_id:path}")
    async def retrieve(
        self,
        caller: Given[Caller],
        models: Given[Models],
        states: Given[States],
        model_id: FromPath[str],
    ) -> Json:
        return await find_json(models, states, caller.project_id, model_id.lstrip("/"))
