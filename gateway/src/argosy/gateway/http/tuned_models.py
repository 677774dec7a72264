"""`DELETE /v1/models/…`: a tuned model or a checkpoint goes, here and in every engine."""

from __future__ import annotations

from typing import Final

from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.lineage import lineage
from argosy.gateway.http.model_shapes import Json, find_json
from argosy.gateway.http.models import ModelsController
from argosy.gateway.http.ports import Given, Models
from argosy.gateway.upstream.models import ModelsClient
from argosy.gateway.upstream.tuning import TuningClient
from argosy.kit.errors import PermissionDenied
from litestar import delete, get
from litestar.params import FromPath

_WITH_LINEAGE: Final = frozenset({"tuned", "checkpoint"})
_DELETABLE: Final = frozenset({pb.MODEL_KIND_TUNED, pb.MODEL_KIND_CHECKPOINT})


class TunedModelsController(ModelsController):
    """Shows all models, and lets the owner of a tuned one remove it."""

    @get("/{model_id:path}")
    async def retrieve(
        self,
        caller: Given[Caller],
        models: Given[Models],
        tuning: Given[TuningClient],
        model_id: FromPath[str],
    ) -> Json:
        shown = await find_json(models, caller.project_id, model_id.lstrip("/"))
        if shown["argosy"]["kind"] in _WITH_LINEAGE and not shown["argosy"]["shared"]:
            history = await lineage(models, tuning, caller.project_id, shown["id"])
            shown["argosy"]["lineage"] = history
        return shown

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
        if model.project_id != caller.project_id:
            raise PermissionDenied(
                f"The model {model.id!r} is another project's and shared with yours for calling "
                "only. A key of its own project can delete it.",
                param="model",
                code="model_not_deletable",
            )
        await registry_models.delete(caller.project_id, model.id)
        await models.forget(model.id)
        return {"id": model.id, "object": "model", "deleted": True}
