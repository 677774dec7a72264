"""Finds jobs to work on and works on them: a slot each for running ones, one for validation.

Knows leases and slots. What a run does is in `runs/run.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from argosy.kit import tracing
from argosy.kit.clock import Clock
from argosy.kit.errors import Unavailable
from argosy.trainer.domain.job import Job, JobError, Lease
from argosy.trainer.domain.states import ACTIVE, State
from argosy.trainer.load import ServingLoad
from argosy.trainer.metrics import TrainerMetrics
from argosy.trainer.patience import first_of, insist, uninterrupted, wait_for_event
from argosy.trainer.pricing import Pricing
from argosy.trainer.registry import Registry
from argosy.trainer.runs.fetching import Fetcher
from argosy.trainer.runs.finisher import Finisher
from argosy.trainer.runs.keeper import Keeper
from argosy.trainer.runs.outcomes import JobStopped, LeaseLost
from argosy.trainer.runs.publisher import Publisher
from argosy.trainer.runs.recorder import Recorder
from argosy.trainer.runs.run import Run, RunPolicy
from argosy.trainer.runs.workdir import RunRoot, WorkDir
from argosy.trainer.sources import Sources
from argosy.trainer.store import jobs, leases
from argosy.trainer.store.transactions import DatabaseAway, Transactions
from argosy.trainer.task_keys import TaskKeys
from argosy.trainer.usecases.journal import Journal
from argosy.trainer.usecases.waiting import ValidateJob

_log = logging.getLogger(__name__)

_RUNNABLE: Final = (State.QUEUED, State.RUNNING, State.FINALIZING)
_RELEASE_SECONDS: Final = 5.0
_SURPRISE: Final = JobError("internal", "The trainer failed at this job; its log says why.")


@dataclass(frozen=True, slots=True)
class SupervisorPolicy:
    """`owner` names this supervisor in leases. Times in seconds."""

    owner: str
    slots: int
    lease: float
    poll: float
    run: RunPolicy


class Supervisor:
    """All work on jobs in this process."""

    def __init__(
        self,
        transactions: Transactions,
        journal: Journal,
        registry: Registry,
        sources: Sources,
        validate: ValidateJob,
        run_root: RunRoot,
        load: ServingLoad,
        task_keys: TaskKeys,
        pricing: Pricing,
        clock: Clock,
        metrics: TrainerMetrics,
        policy: SupervisorPolicy,
    ) -> None:
        self._transactions = transactions
        self._journal = journal
        self._registry = registry
        self._sources = sources
        self._validate = validate
        self._run_root = run_root
        self._load = load
        self._task_keys = task_keys
        self._pricing = pricing
        self._clock = clock
        self._metrics = metrics
        self._policy = policy
        self._keepers: dict[str, Keeper] = {}
        self._wakes = [asyncio.Event() for _ in range(policy.slots + 1)]

    def wake(self) -> None:
        """There may be work: nobody need wait for the next poll."""
        for event in self._wakes:
            event.set()

    def look_again(self, job_id: str) -> None:
        """The job's state changed: whoever works on it looks whether to go on."""
        if keeper := self._keepers.get(job_id):
            keeper.nudge()

    async def run(self) -> None:
        """Work until cancelled. What an earlier life of this supervisor held is taken up first."""
        await insist(self._take_over, "taking over")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._validator(self._wakes[0]), name="validator")
            for number, wake in enumerate(self._wakes[1:]):
                group.create_task(self._slot(wake), name=f"slot {number}")

    async def _take_over(self) -> None:
        async with self._transactions.begin() as connection:
            count = await leases.release_all(connection, self._policy.owner)
        if count:
            _log.warning("taking up %d jobs of this supervisor's earlier life", count)

    async def _slot(self, wake: asyncio.Event) -> None:
        while True:
            leased = await self._lease_one(_RUNNABLE, wake)
            with tracing.span(
                "run tuning job",
                parent=leased[0].traceparent,
                attributes={"job_id": leased[0].id},
            ):
                await self._run(*leased)

    async def _validator(self, wake: asyncio.Event) -> None:
        while True:
            job, lease = await self._lease_one([State.VALIDATING_FILES], wake)

            async def validate(job: Job = job, lease: Lease = lease) -> None:
                try:
                    await insist(lambda: self._validate(job, lease), "validating files")
                except Exception:  # noqa: BLE001 - one job's surprise must not end the others
                    _log.exception("planning failed unexpectedly", extra={"job_id": job.id})
                    await insist(lambda: self._validate.fail(lease, _SURPRISE), "validating files")

            with tracing.span("validate tuning job", parent=job.traceparent):
                await self._under_lease(lease, validate, frozenset({State.VALIDATING_FILES}))
            self.wake()

    async def _lease_one(
        self, states: tuple[State, ...] | list[State], wake: asyncio.Event
    ) -> tuple[Job, Lease]:
        """Wait for a job in one of `states` and lease it."""
        while True:
            try:
                async with self._transactions.begin() as connection:
                    leased = await leases.take(
                        connection,
                        states,
                        self._policy.owner,
                        timedelta(seconds=self._policy.lease),
                        quiet=self._load.quiet,
                    )
                    if leased is not None and leased[0].state is State.QUEUED:
                        job = await self._journal.move(connection, leased[0], State.RUNNING)
                        leased = job, leased[1]
            except DatabaseAway as error:
                _log.warning("looking for work waits: %s", error.message)
                leased = None
            if leased is not None:
                self._journal.committed()
                return leased
            await wait_for_event(wake, self._policy.poll)

    async def _run(self, job: Job, lease: Lease) -> None:
        workdir = self._run_root.run(job.id)
        recorder = Recorder(self._transactions, self._journal, lease, self._clock, self._metrics)
        run = Run(
            job,
            workdir,
            Fetcher(self._registry, self._sources, self._task_keys, recorder, workdir, job),
            recorder,
            Publisher(self._registry, recorder, workdir, job, self._metrics),
            Finisher(self._registry, recorder, workdir, job, self._pricing),
            self._load,
            self._policy.run,
        )

        async def work() -> None:
            try:
                await run.work()
            except LeaseLost:
                raise
            except Exception:  # noqa: BLE001 - one job's surprise must not end the others
                _log.exception("the run failed unexpectedly", extra={"job_id": job.id})
                await recorder.failed(_SURPRISE)

        try:
            await self._under_lease(lease, work, ACTIVE)
        finally:
            self._metrics.run_ended(job.id)
        # Not in `work`: that is cancelled as soon as its guard sees that the job has ended.
        await self._tidy(job.id, workdir)

    async def _under_lease(
        self,
        lease: Lease,
        work: Callable[[], Coroutine[None, None, None]],
        states: frozenset[State],
    ) -> None:
        """Work while the lease holds and the job is in one of `states`; then give it back."""
        keeper = Keeper(
            self._transactions,
            lease,
            self._clock,
            seconds=self._policy.lease,
            margin=self._policy.run.stop_grace,
            states=states,
        )
        self._keepers[lease.job_id] = keeper
        try:
            await first_of(work(), keeper.keep())
        except JobStopped as stopped:
            _log.info("stopped: the job is %s", stopped.state, extra={"job_id": lease.job_id})
        except LeaseLost:
            _log.warning("stopped: no right to the job", extra={"job_id": lease.job_id})
        finally:
            del self._keepers[lease.job_id]
            # If the database is away, the lease lapses by itself.
            with contextlib.suppress(Unavailable, TimeoutError):
                await uninterrupted(self._release(lease))

    async def _release(self, lease: Lease) -> None:
        async with asyncio.timeout(_RELEASE_SECONDS), self._transactions.begin() as connection:
            await leases.release(connection, lease)

    async def _tidy(self, job_id: str, workdir: WorkDir) -> None:
        """Remove what an ended job left on disk; what is missed here, the upkeep finds."""
        with contextlib.suppress(DatabaseAway):
            async with self._transactions.begin() as connection:
                job = await jobs.find(connection, job_id)
            if job is not None and job.state is State.CANCELLED:
                await asyncio.to_thread(workdir.remove)
            elif job is not None and job.state is State.SUCCEEDED:
                await asyncio.to_thread(workdir.slim)
