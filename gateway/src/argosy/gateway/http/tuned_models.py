"""`DELETE /v1/models/…`: a tuned model or a checkpoint goes, here and in every engine."""

from __future__ import annotations

from typing import Any, Final

from argosy.api.common.v1.common_pb2 import PageRequest
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.api.trainer.v1 import trainer_pb2
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.lineage import lineage
from argosy.gateway.http.model_shapes import (
    Json,
    find_json,
    list_json,
    visible_json,
    wanted_state,
)
from argosy.gateway.http.models import ModelsController
from argosy.gateway.http.paging import query_of
from argosy.gateway.http.ports import Given, Models, States
from argosy.gateway.placement.states import ModelState
from argosy.gateway.upstream.models import ModelsClient
from argosy.gateway.upstream.tuning import TuningClient
from argosy.kit.errors import PermissionDenied
from litestar import Request, delete, get
from litestar.params import FromPath

_WITH_LINEAGE: Final = frozenset({"tuned", "checkpoint"})
_DELETABLE: Final = frozenset({pb.MODEL_KIND_TUNED, pb.MODEL_KIND_CHECKPOINT})
# Of older jobs that did not succeed nobody asks in a list of models.
_NEWEST: Final = PageRequest(limit=100)
_MAKING: Final[dict[int, str]] = {
    trainer_pb2.JOB_STATUS_VALIDATING_FILES: "is checked",
    trainer_pb2.JOB_STATUS_QUEUED: "waits for its turn",
    trainer_pb2.JOB_STATUS_RUNNING: "trains",
    trainer_pb2.JOB_STATUS_PAUSED: "is paused",
}


class TunedModelsController(ModelsController):
    """Shows all models, and lets the owner of a tuned one remove it."""

    @get()
    async def list_models(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        models: Given[Models],
        states: Given[States],
        tuning: Given[TuningClient],
    ) -> Json:
        """What may be called by name; with `state`, also what jobs are making or failed to."""
        wanted = wanted_state(query_of(request, "state").get("state"))
        data = visible_json(models, states, caller.project_id)
        if wanted is not None:
            there = {model["id"] for model in data}
            jobs = (await tuning.list(caller.project_id, _NEWEST, {})).jobs
            data += [
                m for m in map(unfinished_json, jobs) if m is not None and m["id"] not in there
            ]
        return list_json(data, wanted)

    @get("/{model_id:path}")
    async def retrieve(
        self,
        caller: Given[Caller],
        models: Given[Models],
        states: Given[States],
        tuning: Given[TuningClient],
        model_id: FromPath[str],
    ) -> Json:
        shown = await find_json(models, states, caller.project_id, model_id.lstrip("/"))
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


def unfinished_json(job: trainer_pb2.Job) -> Json | None:
    """Return the model that a job is making or failed to make; None for any other job."""
    if job.status in _MAKING:
        state = ModelState.CREATING
        reason = f"The job {job.id} {_MAKING[job.status]}"
        if job.total_steps:
            reason += f": step {job.completed_steps} of {job.total_steps}"
        reason += "."
    elif job.status == trainer_pb2.JOB_STATUS_FAILED:
        state = ModelState.FAIL
        reason = f"The job {job.id} failed: {job.error.message}"
    else:
        return None
    return {
        "id": job.makes,
        "object": "model",
        "created": job.created_at.seconds,
        "owned_by": job.organization_slug,
        "argosy": {
            "kind": "tuned",
            "base": job.base or None,
            "servable": False,
            "trainable": False,
            "state": state,
            "state_reason": reason,
            "job": job.id,
        },
    }
