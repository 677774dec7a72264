"""Evaluations: asked for, read, cancelled; and those that a job calls for by itself.

Knows what may be asked and the order of things. Does not know SQL or how models are asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from argosy.api import ids
from argosy.kit.errors import Conflict, InvalidRequest, NotFound
from argosy.trainer.domain.evaluation.evaluation import (
    ASKED,
    UNFINISHED,
    Evaluation,
    EvaluationState,
    Wish,
)
from argosy.trainer.domain.evaluation.followups import due, pair
from argosy.trainer.domain.job import Job
from argosy.trainer.metrics import TrainerMetrics
from argosy.trainer.sources import Sources
from argosy.trainer.store import evaluations, jobs
from argosy.trainer.store.transactions import Connection, Transactions
from argosy.trainer.usecases.control import no_such_job
from argosy.trainer.usecases.evaluation_models import models_of
from argosy.trainer.usecases.graders import check_grader
from argosy.trainer.usecases.read import MAX_LIMIT, Page, cut, limited

_RETRY_WINDOW: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """Who asks for what, and how a repeated request is told from a new one."""

    project_id: str
    job_id: str
    wish: Wish
    idempotency_key: str = ""
    fingerprint: bytes = b""
    retry: bool = False


class Evaluations:
    """The use cases behind `/v1/fine_tuning/evaluations`."""

    def __init__(
        self,
        transactions: Transactions,
        sources: Sources,
        announce: Callable[[], None],
        metrics: TrainerMetrics,
    ) -> None:
        self._transactions = transactions
        self._sources = sources
        self._announce = announce
        self._metrics = metrics

    async def create(self, request: EvaluationRequest) -> Evaluation:
        """Return the new evaluation, or the one that this very request made before.

        Raises `InvalidRequest`, `NotFound`, `Conflict`.
        """
        wish = request.wish
        if wish.grader is not None:
            check_grader(wish.grader, "grader")
        if not wish.source:
            raise InvalidRequest(
                "'data' is missing: name a file, a published version of a data set, or a data "
                "set, of which the newest published version is taken.",
                param="data",
                code="missing_required_parameter",
            )
        await self._sources.published(request.project_id, wish.source)
        async with self._transactions.begin() as connection:
            earlier = await self._earlier(connection, request)
            if earlier is not None:
                return earlier
            job = await self._job(connection, request) if request.job_id else None
            new = evaluations.NewEvaluation(
                id=ids.new_id(ids.TUNING_EVALUATION),
                project_id=request.project_id,
                job_id=request.job_id,
                purpose=ASKED,
                wish=wish,
                models=await models_of(connection, job, wish.models),
                idempotency_key=request.idempotency_key or None,
                fingerprint=request.fingerprint,
            )
            await evaluations.add(connection, new)
            made = await known(connection, request.project_id, new.id)
        self._announce()
        return made

    async def get(self, project_id: str, evaluation_id: str) -> Evaluation:
        """Raises `NotFound`."""
        async with self._transactions.begin() as connection:
            return await known(connection, project_id, evaluation_id)

    async def list(self, project_id: str, job_id: str, page: Page) -> tuple[list[Evaluation], bool]:
        """Return evaluations and whether there are more. Raises `NotFound`, `InvalidRequest`."""
        limit = limited(page, default=20, most=MAX_LIMIT)
        async with self._transactions.begin() as connection:
            if job_id and await jobs.get(connection, project_id, job_id) is None:
                raise no_such_job(job_id)
            found = await evaluations.page(
                connection,
                project_id,
                job_id,
                after=page.after,
                limit=limit + 1,
                ascending=page.ascending,
            )
        return cut(found, limit, page)

    async def cancel(self, project_id: str, evaluation_id: str) -> Evaluation:
        """Raises `NotFound` and `Conflict`."""
        async with self._transactions.begin() as connection:
            found = await locked(connection, project_id, evaluation_id)
            if found.state not in UNFINISHED:
                raise Conflict(
                    f"The evaluation '{evaluation_id}' has already ended: it is {found.state}.",
                    code="evaluation_ended",
                )
            await evaluations.update(connection, evaluation_id, state=EvaluationState.CANCELLED)
            cancelled = await known(connection, project_id, evaluation_id)
        self._metrics.evaluation_ended(EvaluationState.CANCELLED)
        return cancelled

    async def delete(self, project_id: str, evaluation_id: str) -> None:
        """Take one away for good; what works on it finds no lease and stops. Raises `NotFound`."""
        async with self._transactions.begin() as connection:
            await locked(connection, project_id, evaluation_id)
            await evaluations.delete(connection, evaluation_id)

    async def _earlier(
        self, connection: Connection, request: EvaluationRequest
    ) -> Evaluation | None:
        if request.idempotency_key:
            names = (request.project_id, request.idempotency_key)
            await jobs.queue_up(connection, "evaluation", *names)
            found = await evaluations.keyed(connection, *names)
            if found is not None and found[0] != request.fingerprint:
                raise Conflict(
                    "This Idempotency-Key was used for another request. "
                    "Use a new key for a new evaluation.",
                    param="Idempotency-Key",
                    code="idempotency_key_reused",
                )
            return None if found is None else found[1]
        if not request.fingerprint:
            return None
        await jobs.queue_up(connection, "evaluation", request.project_id, request.fingerprint.hex())
        if not request.retry:
            return None
        return await evaluations.twin(
            connection, request.project_id, request.fingerprint, _RETRY_WINDOW
        )

    async def _job(self, connection: Connection, request: EvaluationRequest) -> Job:
        job = await jobs.get(connection, request.project_id, request.job_id)
        if job is None:
            raise no_such_job(request.job_id)
        return job


async def follow(connection: Connection, job: Job) -> None:
    """Add what a job calls for by itself, in the transaction in which it succeeds."""
    for purpose, wish in due(job):
        await evaluations.add(
            connection,
            evaluations.NewEvaluation(
                id=ids.new_id(ids.TUNING_EVALUATION),
                project_id=job.project_id,
                job_id=job.id,
                purpose=purpose,
                wish=wish,
                models=pair(job),
                key=purpose,
            ),
        )


async def known(connection: Connection, project_id: str, evaluation_id: str) -> Evaluation:
    """Raises `NotFound`."""
    found = await evaluations.get(connection, project_id, evaluation_id)
    if found is None:
        raise _unknown(evaluation_id)
    return found


async def locked(connection: Connection, project_id: str, evaluation_id: str) -> Evaluation:
    """Hold one's row until the transaction ends. Raises `NotFound`."""
    found = await evaluations.lock(connection, project_id, evaluation_id)
    if found is None:
        raise _unknown(evaluation_id)
    return found


def _unknown(evaluation_id: str) -> NotFound:
    return NotFound(
        f"There is no evaluation '{evaluation_id}'. List them with "
        "GET /v1/fine_tuning/evaluations.",
        param="evaluation_id",
        code="evaluation_not_found",
    )
