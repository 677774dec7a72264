"""OpenAI's `model` objects. Knows what is said of a model and of a name that stands for others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.gateway.placement.states import Condition, ModelState
from argosy.kit.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from argosy.gateway.http.ports import Models, States

Json = dict[str, Any]

ALL: Final = "all"

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


def model_json(model: pb.Model, condition: Condition, project_id: str) -> Json:
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
            "state": condition.state,
            "state_reason": condition.reason or None,
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
        "evaluation": None
        if shared or not model.evaluation_json
        else json.loads(model.evaluation_json),
        **({"measured": dict(sorted(model.measured.items()))} if model.measured else {}),
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


def visible_json(models: Models, states: States, project_id: str) -> list[Json]:
    """Return what a project may call: models, and the names that stand for them."""
    data = {m.id: model_json(m, states.of(m), project_id) for m in models.visible(project_id)}
    for route in models.routes(project_id):
        # One that stands before a model looks like the model.
        data.setdefault(route.name, route_json(route))
    return list(data.values())


def list_json(data: list[Json], state: str | None) -> Json:
    """Return OpenAI's list of models, which has one page: those in a state, for None all."""
    kept = [m for m in data if state in {None, ALL, m["argosy"].get("state")}]
    return {"object": "list", "data": kept}


def wanted_state(asked: str | None) -> str | None:
    """Return the state that the query's `state` asks for, `all` for any; raises InvalidRequest."""
    if asked is None:
        return None
    known = {state.lower(): state.value for state in ModelState} | {ALL: ALL}
    if asked.lower() not in known:
        raise InvalidRequest(
            f"Invalid value for 'state': send {', '.join(known.values())}.",
            param="state",
            code="invalid_value",
        )
    return known[asked.lower()]


async def find_json(models: Models, states: States, project_id: str, name: str) -> Json:
    """Return a model, or the name that stands for others. Raises NotFound."""
    route = models.route(project_id, name)
    try:
        model = await models.find(project_id, name)
    except NotFound:
        if route is None:
            raise
        return route_json(route)
    return model_json(model, states.of(model), project_id)
