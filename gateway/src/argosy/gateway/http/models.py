"""`/v1/models`: what can be called by name."""

from __future__ import annotations

from typing import Any, Final

from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.ports import Given, Models
from argosy.gateway.upstream.models import ModelsClient
from argosy.kit.errors import PermissionDenied
from litestar import Controller, delete, get
from litestar.params import FromPath

Json = dict[str, Any]

_KIND: Final[dict[int, str]] = {
    pb.MODEL_KIND_BASE: "base",
    pb.MODEL_KIND_TUNED: "tuned",
    pb.MODEL_KIND_CHECKPOINT: "checkpoint",
    pb.MODEL_KIND_EMBEDDING: "embedding",
}
_DELETABLE: Final = frozenset({pb.MODEL_KIND_TUNED, pb.MODEL_KIND_CHECKPOINT})


def model_json(model: pb.Model) -> Json:
    """Return OpenAI's `model`; what OpenAI has no slot for is under `argosy`."""
    return {
        "id": model.id,
        "object": "model",
        "created": model.created_at.seconds,
        "owned_by": model.owned_by,
        "argosy": {
            "kind": _KIND[model.kind],
            "base": model.base or None,
            "context_length": model.context_length,
            "servable": model.servable,
            "trainable": model.trainable,
        },
    }


class ModelsController(Controller):
    """A model id may hold `:` and `/`, so it is the whole rest of the path."""

    path = "/v1/models"

    @get()
    async def list_models(self, caller: Given[Caller], models: Given[Models]) -> Json:
        data = [model_json(model) for model in models.visible(caller.project_id)]
        return {"object": "list", "data": data}

    @get("/{model_id:path}")
    async def retrieve(
        self, caller: Given[Caller], models: Given[Models], model_id: FromPath[str]
    ) -> Json:
        return model_json(await models.find(caller.project_id, model_id.lstrip("/")))

    @delete("/{model_id:path}", status_code=200)
    async def remove(
        self,
        caller: Given[Caller],
        models: Given[Models],
        registry_models: Given[ModelsClient],
        model_id: FromPath[str],
    ) -> Json:
        model = await models.find(caller.project_id, model_id.lstrip("/"))
        if model.kind not in _DELETABLE:
            raise PermissionDenied(
                f"The model {model.id!r} belongs to this server and cannot be deleted here. Only "
                "tuned models and their checkpoints can; take a base model out of the catalogue "
                "file.",
                param="model",
                code="model_not_deletable",
            )
        await registry_models.delete(caller.project_id, model.id)
        await models.forget(model.id)
        return {"id": model.id, "object": "model", "deleted": True}
