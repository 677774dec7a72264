"""How a tuned model came to be: its jobs back to the base, newest first.

Asks the registry's snapshot for the models and the trainer for the jobs. A trainer that does not
answer costs the details, not the answer.
"""

from __future__ import annotations

from typing import Final

from argosy.api.registry.v1 import registry_pb2
from argosy.api.trainer.v1 import trainer_pb2
from argosy.gateway.http.ports import Models
from argosy.gateway.http.tuning_shapes import Json, tuning_json
from argosy.gateway.upstream.tuning import TuningClient
from argosy.kit.errors import ApiError, NotFound

# A longer history is cut at its old end.
_MOST: Final = 16


async def lineage(
    models: Models, tuning: TuningClient, project_id: str, model_id: str
) -> list[Json]:
    """Return one entry a training, newest first; the last one started from the base model."""
    history: list[Json] = []
    name = model_id
    while name and len(history) < _MOST:
        try:
            model = await models.find(project_id, name)
        except NotFound:
            # Deleted since; what was trained on it is not.
            history.append({"model": name, "deleted": True})
            break
        if not model.job_id:
            break
        history.append(_entry(model, await _job(tuning, project_id, model.job_id)))
        name = model.parent
    return history


async def _job(tuning: TuningClient, project_id: str, job_id: str) -> trainer_pb2.Job | None:
    try:
        return await tuning.get(project_id, job_id)
    except ApiError:
        return None


def _entry(model: registry_pb2.Model, job: trainer_pb2.Job | None) -> Json:
    entry: Json = {
        "model": model.id,
        "from": model.parent or model.base,
        "job": model.job_id,
        "step": model.step or None,
    }
    if job is None:
        return entry
    planned = tuning_json(job.planned)
    values = {
        name: value
        for name, value in planned.items()
        if name not in ("method", "scale", "data", "schedule", "priority")
    }
    return {
        **entry,
        "method": planned["method"],
        "scale": planned["scale"],
        "parameters": {**values, **_counts(job)},
        "seed": job.seed,
        "data": [
            {"source": source, "sha256": digest, "rate": _rate(job, source)}
            for source, digest in sorted(job.data_hashes.items())
        ],
        "code_version": job.code_version or None,
    }


def _counts(job: trainer_pb2.Job) -> Json:
    return {
        name: getattr(job.plan, name)
        for name in ("n_epochs", "batch_size", "learning_rate_multiplier")
        if job.plan.HasField(name)
    }


def _rate(job: trainer_pb2.Job, source: str) -> float | None:
    """Return how much of it was drawn; null for the validation file."""
    if source == job.training_file:
        return 1.0
    return next((each.rate for each in job.planned.data if each.source == source), None)
