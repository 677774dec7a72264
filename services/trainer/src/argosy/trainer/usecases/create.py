"""Creating a job: judge the request, make exactly one job of it however often it arrives.

Knows the order of things. Does not know transport, SQL or training.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

from argosy.api import ids
from argosy.api.registry.v1 import registry_pb2
from argosy.kit import tracing
from argosy.kit.errors import Conflict, InvalidRequest, NotFound
from argosy.kit.failpoints import failpoint
from argosy.trainer import weights
from argosy.trainer.domain import rules
from argosy.trainer.domain.job import Job
from argosy.trainer.domain.plan import (
    MIN_TRAINING_ROWS,
    MIN_VALIDATION_ROWS,
    BadParameter,
    Limits,
    Parameters,
    Plan,
    make_plan,
)
from argosy.trainer.registry import Registry
from argosy.trainer.store import jobs
from argosy.trainer.store.transactions import Connection, Transactions
from argosy.trainer.usecases.journal import Journal

# A request that says "again" within this time means the job that its twin made.
_RETRY_WINDOW: Final = timedelta(minutes=10)
# Each creation holds a connection while it asks the registry; heartbeats need some too.
_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What a user asks for. `validation_file`, `suffix` and `idempotency_key` may be empty."""

    project_id: str
    organization_slug: str
    key_id: str
    model: str
    training_file: str
    validation_file: str
    suffix: str
    seed: int | None
    metadata: Mapping[str, str]
    parameters: Parameters
    idempotency_key: str
    fingerprint: bytes
    retry: bool


class Planner:
    """Judges what a job needs from the registry, and plans it."""

    def __init__(self, registry: Registry, max_lora_rank: int) -> None:
        self._registry = registry
        self._max_lora_rank = max_lora_rank

    async def plan(
        self,
        project_id: str,
        model_id: str,
        training_file: str,
        validation_file: str,
        parameters: Parameters,
    ) -> Plan:
        """Return the plan; raises `InvalidRequest` that names the field at fault."""
        base = await self._base(project_id, model_id)
        training = await self._file(project_id, training_file, "training_file", MIN_TRAINING_ROWS)
        if validation_file:
            await self._file(project_id, validation_file, "validation_file", MIN_VALIDATION_ROWS)
        width = await asyncio.to_thread(weights.hidden_size, Path(base.weights_path))
        limits = Limits(base.context_length, self._max_lora_rank, width)
        try:
            return make_plan(parameters, training.rows, limits)
        except BadParameter as bad:
            raise InvalidRequest(bad.message, param=bad.param, code="invalid_value") from bad

    async def _base(self, project_id: str, model_id: str) -> registry_pb2.Model:
        try:
            model = await self._registry.model(project_id, model_id)
        except NotFound as error:
            raise InvalidRequest(
                f"The model '{model_id}' does not exist. "
                "List the models with GET /v1/models; 'argosy.trainable' marks those to tune.",
                param="model",
                code="model_not_found",
            ) from error
        if model.kind in (registry_pb2.MODEL_KIND_TUNED, registry_pb2.MODEL_KIND_CHECKPOINT):
            raise InvalidRequest(
                f"'{model_id}' is itself a tuned model; only base models can be tuned. "
                f"Tune its base, '{model.base}', on the data of both.",
                param="model",
                code="model_not_available",
            )
        if not model.trainable or not model.weights_path:
            raise InvalidRequest(
                f"The model '{model_id}' cannot be tuned. "
                "List the models with GET /v1/models; 'argosy.trainable' marks those to tune.",
                param="model",
                code="model_not_available",
            )
        return model

    async def _file(
        self,
        project_id: str,
        file_id: str,
        param: Literal["training_file", "validation_file"],
        least: int,
    ) -> registry_pb2.File:
        def refusal(text: str) -> InvalidRequest:
            return InvalidRequest(text, param=param, code=f"invalid_{param}")

        try:
            file = await self._registry.file(project_id, file_id)
        except NotFound as error:
            raise refusal(
                f"The file '{file_id}' given as '{param}' does not exist. "
                "Upload it with POST /v1/files and purpose 'fine-tune'."
            ) from error
        if file.purpose != "fine-tune":
            raise refusal(
                f"The file '{file_id}' given as '{param}' has the purpose '{file.purpose}'. "
                "Upload it with purpose 'fine-tune'."
            )
        if file.status == "error":
            raise refusal(f"The file '{file_id}' given as '{param}' was refused at its upload.")
        if file.rows < least:
            raise refusal(
                f"The file '{file_id}' given as '{param}' has {file.rows} examples, "
                f"but must have at least {least}. Upload a file with more."
            )
        return file


class CreateJob:
    """The use case behind `fine_tuning.jobs.create`."""

    def __init__(
        self,
        transactions: Transactions,
        journal: Journal,
        planner: Planner,
        announce: Callable[[], None],
    ) -> None:
        self._transactions = transactions
        self._journal = journal
        self._planner = planner
        self._announce = announce
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, request: JobRequest) -> Job:
        """Return the new job, or the one that this very request made before.

        Raises `InvalidRequest`, `Conflict`, `Unavailable`.
        """
        _check(request)
        async with self._turns:
            async with self._transactions.begin() as connection:
                job = await self._earlier(connection, request)
                if job is None:
                    job = await self._create(connection, request)
            failpoint("trainer.create.committed")
        self._journal.committed()
        self._announce()
        return job

    async def _earlier(self, connection: Connection, request: JobRequest) -> Job | None:
        """Wait for a twin that is in progress, then return the job that it made, if any."""
        if request.idempotency_key:
            names = (request.project_id, request.idempotency_key)
            await jobs.queue_up(connection, "idempotency", *names)
            found = await jobs.keyed(connection, *names)
            if found is None:
                return None
            fingerprint, job = found
            if fingerprint != request.fingerprint:
                raise Conflict(
                    "This Idempotency-Key was used for another request. "
                    "Use a new key for a new job.",
                    param="Idempotency-Key",
                    code="idempotency_key_reused",
                )
            return job
        if not request.fingerprint:
            return None
        # First attempts queue up too: an impatient retry must find what its first attempt makes.
        await jobs.queue_up(
            connection, "fingerprint", request.project_id, request.fingerprint.hex()
        )
        if not request.retry:
            return None
        return await jobs.recent_twin(
            connection, request.project_id, request.fingerprint, _RETRY_WINDOW
        )

    async def _create(self, connection: Connection, request: JobRequest) -> Job:
        await self._planner.plan(
            request.project_id,
            request.model,
            request.training_file,
            request.validation_file,
            request.parameters,
        )
        tuned = ids.tuned_model_id(
            request.model, request.organization_slug, request.suffix, ids.new_id("", 8)
        )
        job = await jobs.insert(
            connection,
            jobs.NewJob(
                id=ids.new_id(ids.JOB),
                project_id=request.project_id,
                organization_slug=request.organization_slug,
                key_id=request.key_id,
                fingerprint=request.fingerprint,
                model=request.model,
                tuned_model=tuned,
                training_file=request.training_file,
                validation_file=request.validation_file,
                result_file=ids.new_id(ids.FILE),
                suffix=request.suffix,
                seed=secrets.randbelow(rules.MAX_SEED) if request.seed is None else request.seed,
                metadata=request.metadata,
                asked=request.parameters,
                traceparent=tracing.traceparent(),
            ),
        )
        failpoint("trainer.create.inserted")
        await self._journal.created(connection, job)
        if request.idempotency_key:
            await jobs.remember_key(
                connection,
                request.project_id,
                request.idempotency_key,
                request.fingerprint,
                job.id,
            )
        return job


def _check(request: JobRequest) -> None:
    for name in ("model", "training_file"):
        if not getattr(request, name):
            raise InvalidRequest(
                f"'{name}' is missing.", param=name, code="missing_required_parameter"
            )
    try:
        rules.check_suffix(request.suffix)
        rules.check_seed(request.seed)
        rules.check_metadata(request.metadata)
        rules.check_idempotency_key(request.idempotency_key)
    except BadParameter as bad:
        raise InvalidRequest(bad.message, param=bad.param, code="invalid_value") from bad
