"""`/v1/models`: what can be called by name."""

from __future__ import annotations

from argosy.gateway.access.keys import Caller
from argosy.gateway.http.model_shapes import Json, find_json, list_json
from argosy.gateway.http.ports import Given, Models
from litestar import Controller, get
from litestar.params import FromPath


class ModelsController(Controller):
    """A model id may hold `:` and `/`, so it is the whole rest of the path."""

    path = "/v1/models"

    @get()
    async def list_models(self, caller: Given[Caller], models: Given[Models]) -> Json:
        return list_json(models, caller.project_id)

    @get("/{model_id:path}")
    async def retrieve(
        self, caller: Given[Caller], models: Given[Models], model_id: FromPath[str]
    ) -> Json:
        return await find_json(models, caller.project_id, model_id.lstrip("/"))
