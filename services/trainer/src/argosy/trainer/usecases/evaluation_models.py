"""Which models an evaluation asks: by what they are to a job, or by name.

Knows jobs and their checkpoints. Does not know what is asked.
"""

from __future__ import annotations

from typing import Final

from argosy.kit.errors import Conflict, InvalidRequest
from argosy.trainer.domain.evaluation.evaluation import (
    BASE,
    CHECKPOINT,
    MAX_MODELS,
    OTHER,
    RESULT,
    EvaluatedModel,
)
from argosy.trainer.domain.evaluation.followups import pair
from argosy.trainer.domain.job import Job
from argosy.trainer.domain.states import State
from argosy.trainer.store import history
from argosy.trainer.store.transactions import Connection

CHECKPOINTS: Final = "checkpoints"


async def models_of(
    connection: Connection, job: Job | None, wanted: tuple[str, ...]
) -> tuple[EvaluatedModel, ...]:
    """Return the models by what was written: a role in the job, or a name.

    Raises `InvalidRequest`, `Conflict`.
    """
    if job is None and not wanted:
        raise InvalidRequest(
            "'models' is missing: name the models to evaluate.",
            param="models",
            code="missing_required_parameter",
        )
    found: dict[str, EvaluatedModel] = {}
    for name in wanted or (BASE, RESULT):
        for model in await _named(connection, job, name):
            found.setdefault(model.model, model)
    if len(found) > MAX_MODELS:
        raise InvalidRequest(
            f"These are {len(found)} models, but at most {MAX_MODELS} are evaluated together.",
            param="models",
            code="invalid_value",
        )
    return tuple(found.values())


async def _named(connection: Connection, job: Job | None, name: str) -> list[EvaluatedModel]:
    if job is None or name not in (BASE, RESULT, CHECKPOINTS):
        return [EvaluatedModel(name, OTHER)]
    if name == CHECKPOINTS:
        kept = await history.checkpoints_page(
            connection, job.id, after="", limit=MAX_MODELS + 1, ascending=True
        )
        return [EvaluatedModel(c.model_id, CHECKPOINT, c.step) for c in kept or ()]
    if name == RESULT and job.state is not State.SUCCEEDED:
        raise Conflict(
            f"The job '{job.id}' has no result: it is {job.state.public}. Wait until it has "
            "succeeded, or evaluate its 'checkpoints'.",
            param="models",
            code="job_not_succeeded",
        )
    return [model for model in pair(job) if model.role == name]
