"""`CatalogService`: the watch, models by name, and the publishing of what runs made."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any, Final

from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.api.registry.v1 import registry_pb2_grpc
from argosy.kit.errors import InvalidRequest
from argosy.registry.rpc.edge import edge, within
from argosy.registry.rpc.translate import ARTIFACT_FROM_PROTO, MODEL_KIND_FROM_PROTO, Translator
from argosy.registry.usecases.models import Models
from argosy.registry.usecases.publish_adapter import Publish, PublishAdapter
from argosy.registry.usecases.watch import Watch

_MOST_FIGURES: Final = 64


class CatalogServicer(registry_pb2_grpc.CatalogServiceServicer):
    """Translates between `CatalogService` and the use cases.

    An upload may be silent for `idle_seconds`.
    """

    def __init__(
        self,
        watch: Watch,
        models: Models,
        publish: PublishAdapter,
        translator: Translator,
        *,
        idle_seconds: float,
    ) -> None:
        self._watch = watch
        self._models = models
        self._publish = publish
        self._translator = translator
        self._idle_seconds = idle_seconds

    async def Watch(  # noqa: N802
        self, request: pb.WatchRequest, context: Any
    ) -> AsyncIterator[pb.WatchResponse]:
        with edge():
            async for update in self._watch():
                yield self._translator.update(update)

    async def GetModel(self, request: pb.GetModelRequest, context: Any) -> pb.GetModelResponse:  # noqa: N802
        with edge():
            model, revision = await self._models.find(request.project_id, request.model_id)
        return pb.GetModelResponse(model=self._translator.model(model), revision=revision)

    async def DeleteModel(  # noqa: N802
        self, request: pb.DeleteModelRequest, context: Any
    ) -> pb.DeleteModelResponse:
        with edge():
            await self._models.delete(request.project_id, request.model_id)
        return pb.DeleteModelResponse()

    async def SetModelEvaluation(  # noqa: N802
        self, request: pb.SetModelEvaluationRequest, context: Any
    ) -> pb.SetModelEvaluationResponse:
        with edge():
            await self._models.set_evaluation(
                request.project_id, request.model_id, request.evaluation_json
            )
        return pb.SetModelEvaluationResponse()

    async def PublishAdapter(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.PublishAdapterRequest], context: Any
    ) -> pb.PublishAdapterResponse:
        with edge():
            parts = within(aiter(request_iterator), self._idle_seconds)
            publish = _publish(await anext(parts, None))
            served = await self._publish(publish, _pieces(parts))
        return pb.PublishAdapterResponse(model=self._translator.model(served))


def _publish(first: pb.PublishAdapterRequest | None) -> Publish:
    if first is None or first.WhichOneof("part") != "model":
        raise InvalidRequest("The first message must be the model.", param="model")
    model = first.model
    kind = MODEL_KIND_FROM_PROTO.get(model.kind)
    if kind is None:
        raise InvalidRequest("model.kind is missing.", param="model.kind")
    artifact = ARTIFACT_FROM_PROTO.get(model.artifact)
    if artifact is None:
        raise InvalidRequest("model.artifact is not known.", param="model.artifact")
    return Publish(
        id=model.id,
        kind=kind,
        project_id=model.project_id,
        base=model.base,
        job_id=model.job_id,
        step=model.step,
        rank=model.lora_rank,
        artifact=artifact,
        parent=model.parent,
        measured=_measured(model),
    )


def _measured(model: pb.Model) -> dict[str, float]:
    figures = dict(model.measured)
    if len(figures) > _MOST_FIGURES or not all(map(math.isfinite, figures.values())):
        raise InvalidRequest(
            f"model.measured must hold {_MOST_FIGURES} finite numbers at most.",
            param="model.measured",
        )
    return {name[:64]: value for name, value in figures.items()}


async def _pieces(parts: AsyncIterator[pb.PublishAdapterRequest]) -> AsyncIterator[str | bytes]:
    async for part in parts:
        which = part.WhichOneof("part")
        if which == "file_name":
            yield part.file_name
        elif which == "chunk":
            yield part.chunk
        else:
            raise InvalidRequest(
                "After the model only file names and chunks may follow.", param="part"
            )
