"""OpenAI's `model` objects. Knows what is said of a model and of a name that stands for others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.kit.errors import NotFound

if TYPE_CHECKING:
    from argosy.gateway.http.ports import Models

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


def model_json(model: pb.Model, project_id: str) -> Json:
    """Return OpenAI's `model` for a project; what OpenAI has no slot for is under `argosy`."""
    return {
        "id": model.id,
        "object": "model",
        "created": model.created_at.seconds,
        "owned_by": model.owned_by,
        "argosy": {
            "kind": _KIND[model.kind],
            "base": model.base or None,
            "context_length": model.context_length,
            "modalities": ["text", *model.modalities],
            "servable": model.servable,
            "trainable": model.trainable,
            **(_of_base(model) if model.kind == pb.MODEL_KIND_BASE else {}),
            **(_of_tuned(model, project_id) if model.kind in _TUNED else {}),
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


def _of_tuned(model: pb.Model, project_id: str) -> Json:
    # How another project's model came to be is that project's affair.
    shared = model.project_id not in ("", project_id)
    return {
        "artifact": _ARTIFACT.get(model.artifact, "lora"),
        "bytes": model.artifact_bytes,
        "lora_rank": model.lora_rank or None,
        "virtual_tokens": model.virtual_tokens or None,
        "shared": shared,
        "parent": None if shared else model.parent or None,
        "job": None if shared else model.job_id or None,
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


def list_json(models: Models, project_id: str) -> Json:
    """Return what a project may call: models, and the names that stand for them."""
    data = {model.id: model_json(model, project_id) for model in models.visible(project_id)}
    for route in models.routes(project_id):
        # One that stands before a model looks like the model.
        data.setdefault(route.name, route_json(route))
    return {"object": "list", "data": list(data.values())}


async def find_json(models: Models, project_id: str, name: str) -> Json:
    """Return a model, or the name that stands for others. Raises NotFound."""
    route = models.route(project_id, name)
    try:
        return model_json(await models.find(project_id, name), project_id)
    except NotFound:
        if route is None:
            raise
        return route_json(route)
