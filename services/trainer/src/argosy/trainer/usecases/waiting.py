"""Jobs that wait: validating their files, and failing them when a file that they need is gone.

Knows the registry's answers and the store. Does not know training.
"""

from __future__ import annotations

from typing import Final

from argosy.kit.errors import ApiError
from argosy.kit.failpoints import failpoint
from argosy.trainer.domain import texts
from argosy.trainer.domain.cost import needs
from argosy.trainer.domain.job import Job, JobError, Lease
from argosy.trainer.domain.states import State
from argosy.trainer.patience import insist
from argosy.trainer.pricing import Pricing
from argosy.trainer.store import history, jobs, leases
from argosy.trainer.store.transactions import Connection, Transactions
from argosy.trainer.usecases.journal import Journal
from argosy.trainer.usecases.planning import Planned, Planner, Wish

WAITING: Final = (State.VALIDATING_FILES, State.QUEUED)


class ValidateJob:
    """Looks once more at what the job needs, plans it and queues it."""

    def __init__(
        self, transactions: Transactions, journal: Journal, planner: Planner, pricing: Pricing
    ) -> None:
        self._transactions = transactions
        self._journal = journal
        self._planner = planner
        self._pricing = pricing

    async def __call__(self, job: Job, lease: Lease) -> None:
        """Queue the leased job, or fail it; wait while the registry is away.

        Raises `DatabaseAway`; calling again is safe.
        """
        async with self._transactions.begin() as connection:
            notes = [texts.validating(job.training_file, "training")]
            if job.validation_file:
                notes.append(texts.validating(job.validation_file, "validation"))
            await history.add_notes(connection, job.id, *notes)

        wish = Wish(job.project_id, job.model, job.training_file, job.validation_file, job.asked)

        async def attempt() -> Planned:
            return await self._planner.plan(wish, measured=True)

        try:
            planned = await insist(attempt, "validating files")
        except ApiError as refusal:
            await self.fail(lease, _error(refusal))
            return
        failpoint("trainer.validate.planned")
        cost = needs(planned.plan, planned.facts.lengths, planned.limits)
        estimate = await self._pricing.tried(job.base, cost, job.asked.schedule)
        async with self._transactions.begin() as connection:
            held = await leases.lock(connection, lease, [State.VALIDATING_FILES])
            if held is None:
                return
            await self._journal.move(
                connection,
                held,
                State.QUEUED,
                texts.queued(),
                plan=planned.plan,
                estimate=estimate,
                total_steps=planned.plan.max_steps,
            )
        self._journal.committed()

    async def fail(self, lease: Lease, error: JobError) -> None:
        """Take the leased job to its end. Raises `DatabaseAway`; calling again is safe."""
        async with self._transactions.begin() as connection:
            held = await leases.lock(connection, lease, [State.VALIDATING_FILES])
            if held is not None:
                await self._journal.fail(connection, held, error)
        self._journal.committed()


async def fail_without_file(connection: Connection, journal: Journal, file_id: str) -> int:
    """Fail the waiting jobs that need a deleted file; return how many."""
    waiting = await jobs.waiting_for(connection, file_id, WAITING)
    for job in waiting:
        await journal.fail(connection, job, missing_file(job, file_id))
    return len(waiting)


def missing_file(job: Job, file_id: str) -> JobError:
    """Return why a job fails whose file is gone."""
    if file_id in (job.training_file, job.validation_file):
        param = "training_file" if file_id == job.training_file else "validation_file"
        code = f"invalid_{param}"
    else:
        param, code = "argosy.data", "invalid_value"
    return JobError(
        code=code,
        message=(
            f"The file '{file_id}' given as '{param}' was deleted before the job began. "
            "Upload it again and create a new job."
        ),
        param=param,
    )


def _error(refusal: ApiError) -> JobError:
    return JobError(refusal.code or "invalid_request", refusal.message, refusal.param or "")
