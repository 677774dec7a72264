"""Creating a job: judge the request, make exactly one job of it however often it arrives.

Knows the order of things. Does not know transport, SQL or training.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from argosy.api import ids
from argosy.kit import tracing
from argosy.kit.errors import Conflict, InvalidRequest, QuotaExceeded
from argosy.kit.failpoints import failpoint
from argosy.trainer.domain import rules
from argosy.trainer.domain.asked import IDLE, Asked
from argosy.trainer.domain.job import Job
from argosy.trainer.domain.parameters.parameter import BadParameter
from argosy.trainer.store import jobs
from argosy.trainer.store.transactions import Connection, Transactions
from argosy.trainer.usecases.control import Exhausted
from argosy.trainer.usecases.journal import Journal
from argosy.trainer.usecases.planning import Planner, Wish

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
    asked: Asked
    idempotency_key: str
    fingerprint: bytes
    retry: bool

    @property
    def wish(self) -> Wish:
        return Wish(
            self.project_id, self.model, self.training_file, self.validation_file, self.asked
        )


class CreateJob:
    """The use case behind `fine_tuning.jobs.create`."""

    def __init__(
        self,
        transactions: Transactions,
        journal: Journal,
        planner: Planner,
        announce: Callable[[], None],
        exhausted: Exhausted,
        *,
        idle_time: bool,
    ) -> None:
        self._transactions = transactions
        self._journal = journal
        self._planner = planner
        self._announce = announce
        self._exhausted = exhausted
        self._idle_time = idle_time
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, request: JobRequest) -> Job:
        """Return the new job, or the one that this very request made before.

        Raises `InvalidRequest`, `Conflict`, `QuotaExceeded`, `Unavailable`.
        """
        check(request)
        if request.asked.schedule == IDLE and not self._idle_time:
            raise InvalidRequest(
                "This server does not watch its load (ARGOSY_GATEWAY_METRICS_URLS), so no job can "
                "wait for idle time. Leave 'argosy.schedule' out.",
                param="argosy.schedule",
                code="invalid_value",
            )
        async with self._turns:
            async with self._transactions.begin() as connection:
                job = await self._earlier(connection, request)
                if job is None:
                    if why := await self._exhausted(request.project_id):
                        raise QuotaExceeded(why, code="insufficient_quota")
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
        planned = await self._planner.plan(request.wish, measured=False)
        base = planned.start.base.id
        tuned = ids.tuned_model_id(
            base, request.organization_slug, request.suffix, ids.new_id("", 8)
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
                base=base,
                tuned_model=tuned,
                training_file=request.training_file,
                validation_file=request.validation_file,
                result_file=ids.new_id(ids.FILE),
                suffix=request.suffix,
                seed=secrets.randbelow(rules.MAX_SEED) if request.seed is None else request.seed,
                metadata=request.metadata,
                asked=planned.asked,
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


def check(request: JobRequest) -> None:
    """Judge what needs no data. Raises `InvalidRequest` that names the field."""
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
