"""What a job starts from: a base model, or one that was tuned from it; and who helps it.

Judges models by what the registry says of them. Does not know records or parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from argosy.api.records import COMPRESSION, FULL, LORA, PROMPT_TUNING, REWARD
from argosy.api.registry.v1 import registry_pb2
from argosy.kit.errors import InvalidRequest, NotFound
from argosy.trainer.registry import Registry

_TUNED: Final = (registry_pb2.MODEL_KIND_TUNED, registry_pb2.MODEL_KIND_CHECKPOINT)
_LIST: Final = "List the models with GET /v1/models; 'argosy.trainable' marks those to tune."


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """`parent` is the tuned model that training goes on from, None for a base model."""

    base: registry_pb2.Model
    parent: registry_pb2.Model | None = None

    @property
    def scale(self) -> str:
        """The scale that the parent was trained at; empty without one."""
        return "" if self.parent is None else scale_of_model(self.parent)


def scale_of_model(model: registry_pb2.Model) -> str:
    """Return how much of a tuned model differs from its base."""
    match model.artifact:
        case registry_pb2.ARTIFACT_FULL | registry_pb2.ARTIFACT_COMPRESSED:
            return FULL
        case registry_pb2.ARTIFACT_PROMPT_TUNING:
            return PROMPT_TUNING
        case registry_pb2.ARTIFACT_REWARD:
            return LORA if model.lora_rank else FULL
        case _:
            return LORA


async def starting_point(registry: Registry, project_id: str, model_id: str) -> StartingPoint:
    """Raises `InvalidRequest` if the model cannot be tuned."""
    model = await _own_model(registry, project_id, model_id, "model")
    if model.kind not in _TUNED:
        _check_trainable(model)
        return StartingPoint(model)
    if model.artifact == registry_pb2.ARTIFACT_COMPRESSED:
        origin = model.parent or model.base
        raise InvalidRequest(
            f"The model '{model.id}' is compressed: its weights are integers, which cannot be "
            "tuned, compressed again or given adapters (the engine fails on those). Start from "
            f"'{origin}', of which it was made, and compress the result.",
            param="model",
            code="model_not_available",
        )
    base = await _model(registry, project_id, model.base, "model")
    _check_trainable(base)
    return StartingPoint(base, model)


def check_ability(start: StartingPoint, method: str, scale: str) -> None:
    """Hold a job to what its model can be trained by. Raises `InvalidRequest`."""
    for param, asked, able in (
        ("argosy.method", method, start.base.trainable_methods),
        ("argosy.scale", scale, start.base.trainable_scales),
    ):
        if able and asked not in able:
            raise InvalidRequest(
                f"'{start.base.id}' cannot be tuned by '{asked}'. Available for this model: "
                f"{', '.join(able)}.",
                param=param,
                code="invalid_value",
            )
    parent = start.parent
    if parent is None:
        return
    if parent.artifact == registry_pb2.ARTIFACT_REWARD and method != REWARD:
        raise InvalidRequest(
            f"'{parent.id}' is a reward model: it scores answers and gives none, so it can only "
            "be trained on by the method 'reward'. Start from another model.",
            param="model",
            code="model_not_available",
        )
    if method == COMPRESSION:
        _check_compressible(start, parent)
        return
    # A whole model is as good a base as any.
    if start.scale not in (scale, FULL):
        raise InvalidRequest(
            f"'{parent.id}' was trained at the scale '{start.scale}' and can only be trained on "
            f"at that. Leave 'argosy.scale' out, or start from its base, '{start.base.id}'.",
            param="argosy.scale",
            code="invalid_value",
        )


def _check_compressible(start: StartingPoint, parent: registry_pb2.Model) -> None:
    """A LoRA becomes part of the weights; virtual tokens stay outside of them."""
    if start.scale == PROMPT_TUNING:
        raise InvalidRequest(
            f"'{parent.id}' is a learnt prompt, which cannot become part of the weights. Compress "
            f"its base, '{start.base.id}', or a model tuned at the scale 'lora' or 'full'.",
            param="model",
            code="model_not_available",
        )


async def reward_model(registry: Registry, project_id: str, name: str) -> registry_pb2.Model:
    """Return the model that judges answers. Raises `InvalidRequest`."""
    model = await _own_model(registry, project_id, name, "argosy.reward_model")
    if model.artifact != registry_pb2.ARTIFACT_REWARD:
        raise InvalidRequest(
            f"'{name}' given as 'argosy.reward_model' is no reward model. Train one with "
            "'argosy.method': 'reward'.",
            param="argosy.reward_model",
            code="model_not_available",
        )
    return model


async def teacher(registry: Registry, project_id: str, name: str) -> registry_pb2.Model:
    """Return the model whose answers are learnt. Raises `InvalidRequest`."""
    model = await _model(registry, project_id, name, "argosy.teacher.model")
    if not model.servable and model.kind not in _TUNED:
        raise InvalidRequest(
            f"'{name}' given as 'argosy.teacher.model' is not served, so it cannot answer. "
            "List the models with GET /v1/models; 'argosy.servable' marks those that do.",
            param="argosy.teacher.model",
            code="model_not_available",
        )
    return model


async def _own_model(
    registry: Registry, project_id: str, model_id: str, param: str
) -> registry_pb2.Model:
    """Return a model whose weights the project may use; raises `InvalidRequest`."""
    model = await _model(registry, project_id, model_id, param)
    if model.project_id not in ("", project_id):
        raise InvalidRequest(
            f"The model '{model_id}' is another project's and shared with yours for calling only. "
            f"Train on it in its own project, or start from its base, '{model.base}'.",
            param=param,
            code="model_not_available",
        )
    return model


async def _model(
    registry: Registry, project_id: str, model_id: str, param: str
) -> registry_pb2.Model:
    try:
        return await registry.model(project_id, model_id)
    except NotFound as error:
        raise InvalidRequest(
            f"The model '{model_id}' does not exist. {_LIST}", param=param, code="model_not_found"
        ) from error


def _check_trainable(model: registry_pb2.Model) -> None:
    if not model.trainable or not model.weights_path:
        raise InvalidRequest(
            f"The model '{model.id}' cannot be tuned{_because(model.untrainable_reason)}. {_LIST}",
            param="model",
            code="model_not_available",
        )


def _because(reason: str) -> str:
    return f": {reason.rstrip('.')}" if reason else ""
