"""Cancelling, pausing and resuming a job.

Who is first decides: a finished training that took the row before the cancel is published, a
cancel that took it before is final. Knows nothing of processes; it only tells the runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from argosy.kit.errors import InvalidRequest, NotFound, QuotaExceeded
from argosy.trainer.domain import texts
from argosy.trainer.domain.job import Job
from argosy.trainer.domain.states import Refused, Verb, target_of
from argosy.trainer.domain.texts import Note
from argosy.trainer.store import jobs
from argosy.trainer.store.transactions import Transactions
from argosy.trainer.usecases.journal import Journal

# A project's id to why it may spend no more, empty if it may; raises ApiError.
Exhausted = Callable[[str], Awaitable[str]]


class Runs(Protocol):
    """Those who work on jobs in this process."""

    def look_again(self, job_id: str) -> None:
        """The job's state changed: stop, if it is not to run any more."""
        ...

    def wake(self) -> None:
        """There may be work."""
        ...


def no_such_job(job_id: str) -> NotFound:
    """Return the answer for an id that does not exist, or not in this project."""
    return NotFound(
        f"Could not find fine tune: {job_id}. List the jobs with GET /v1/fine_tuning/jobs.",
        param="fine_tune_id",
        code="fine_tune_not_found",
    )


class ControlJob:
    """The use case behind `cancel`, `pause` and `resume`."""

    def __init__(
        self, transactions: Transactions, journal: Journal, runs: Runs, exhausted: Exhausted
    ) -> None:
        self._transactions = transactions
        self._journal = journal
        self._runs = runs
        self._exhausted = exhausted

    async def __call__(self, verb: Verb, project_id: str, job_id: str) -> Job:
        """Return the job as it is afterwards.

        Raises `NotFound` and `InvalidRequest`, and `QuotaExceeded` for a resume without money.
        """
        if verb is Verb.RESUME and (why := await self._exhausted(project_id)):
            raise QuotaExceeded(why, code="insufficient_quota")
        async with self._transactions.begin() as connection:
            # A checkpoint's last word to the registry is spoken under this lock: after it, a
            # cancelled job publishes nothing.
            await jobs.queue_up(connection, "publish", job_id)
            job = await jobs.lock(connection, job_id)
            if job is None or job.project_id != project_id:
                raise no_such_job(job_id)
            try:
                state = target_of(verb, job_id, job.state)
            except Refused as refused:
                raise InvalidRequest(
                    str(refused), param="fine_tune_id", code=f"cannot_{verb.value}"
                ) from refused
            switches = job.switches + (verb is not Verb.CANCEL)
            job = await self._journal.move(
                connection,
                job,
                state,
                _note(verb, switches),
                switches=switches,
                estimated_finish=None,
            )
        self._journal.committed()
        self._runs.look_again(job_id)
        if verb is Verb.RESUME:
            self._runs.wake()
        return job


def _note(verb: Verb, switches: int) -> Note:
    match verb:
        case Verb.CANCEL:
            return texts.cancelled()
        case Verb.PAUSE:
            return texts.paused(switches)
        case Verb.RESUME:
            return texts.resumed(switches)
