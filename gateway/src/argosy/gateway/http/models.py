"""`/v1/models`: what can be called by name."""

from __future__ import annotations

from argosy.gateway.access.keys import Caller
from argosy.gateway.http.model_shapes import Json, find_json, list_json
from argosy.gateway.http.ports import Given, Models
from litestar import Controller, get
from litestar.params import FromPath

Json = dict[str, Any]

_KIND: Final[dict[int, str]] = {
    pb.MODEL_KIND_BASE: "base",
    pb.MODEL_KIND_TUNED: "tuned",
    pb.MODEL_KIND_CHECKPOINT: "checkpoint",
    pb.MODEL_KIND_EMBEDDING: "embedding",
}

_TUNED: Final = frozenset({pb.MODEL_KIND_TUNED, pb.MODEL_KIND_CHECKPOINT})
_ARTIFACT: Final[dict[int, str]] = {
    pb.ARTIFACT_PROMPT_TUNING: "prompt_tuning",
    pb.ARTIFACT_FULL: "full",
    pb.ARTIFACT_REWARD: "reward",
    pb.ARTIFACT_COMPRESSED: "compressed",
}


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
            **(_of_base(model) if model.kind == pb.MODEL_KIND_BASE else {}),
            **(_of_tuned(model) if model.kind in _TUNED else {}),
        },
    }


def _of_base(model: pb.Model) -> Json:
    return {
        "architecture": model.architecture or None,
        "trainable_scales": list(model.trainable_scales),
        "trainable_methods": list(model.trainable_methods),
        "unservable_reason": model.unservable_reason or None,
        "untrainable_reason": model.untrainable_reason or None,
    }


def _of_tuned(model: pb.Model) -> Json:
    return {
        "artifact": _ARTIFACT.get(model.artifact, "lora"),
        "bytes": model.artifact_bytes,
        "lora_rank": model.lora_rank or None,
        "virtual_tokens": model.virtual_tokens or None,
        "parent": model.parent or None,
        "job": model.job_id or None,
        "step": model.step or None,
    }


def route_json(route: pb.Route) -> Json:
    """Return OpenAI's `model` for a name that stands for others; it has no date of its own."""
    targets = [target.model_id for target in route.targets]
    return {
        "id": route.name,
        "object": "model",
        "created": 0,
        "owned_by": "argosy",
        "argosy": {"kind": "route", "targets": targets, "fallbacks": list(route.fallbacks)},
    }


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
