"""What is looked after at intervals, whether or not news of it arrived: files, folders, gauges.

Level-triggered: losing every event costs at most one period. Knows no schedule but its own.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Final

from argosy.kit.clock import Clock
from argosy.kit.errors import ApiError, NotFound, Unavailable
from argosy.kit.outbox import prune_inbox
from argosy.trainer.domain.job import Job
from argosy.trainer.domain.states import State
from argosy.trainer.metrics import TrainerMetrics
from argosy.trainer.registry import Registry
from argosy.trainer.runs.workdir import RunRoot
from argosy.trainer.store import jobs, leases
from argosy.trainer.store.transactions import Transactions
from argosy.trainer.usecases.journal import Journal
from argosy.trainer.usecases.waiting import WAITING, fail_without_file

_log = logging.getLogger(__name__)

_CENSUS_SECONDS: Final = 5.0


class Upkeep:
    """Compares the jobs and the run folders with the truth."""

    def __init__(
        self,
        transactions: Transactions,
        journal: Journal,
        registry: Registry,
        run_root: RunRoot,
        clock: Clock,
        metrics: TrainerMetrics,
        retention: timedelta,
    ) -> None:
        self._transactions = transactions
        self._journal = journal
        self._registry = registry
        self._run_root = run_root
        self._clock = clock
        self._metrics = metrics
        self._retention = retention

    async def relist(self, period: float) -> None:
        """Look at files and folders every `period` seconds until cancelled."""
        while True:
            try:
                await self.check_files()
                await self.clean_folders()
                async with self._transactions.begin() as connection:
                    await prune_inbox(connection)
            except ApiError as error:
                _log.warning("upkeep waits: %s", error.message)
            await asyncio.sleep(period)

    async def census(self) -> None:
        """Keep the gauges at what the database holds until cancelled."""
        while True:
            try:
                async with self._transactions.begin() as connection:
                    self._metrics.census(await jobs.count_by_state(connection))
            except Unavailable as error:
                _log.warning("census waits: %s", error.message)
            await asyncio.sleep(_CENSUS_SECONDS)

    async def check_files(self) -> None:
        """Fail the waiting jobs whose files are gone. Raises `Unavailable`."""
        async with self._transactions.begin() as connection:
            waiting = await jobs.in_states(connection, WAITING)
        for job in waiting:
            for file_id in job.files:
                try:
                    await self._registry.file(job.project_id, file_id)
                except NotFound:
                    async with self._transactions.begin() as connection:
                        await fail_without_file(connection, self._journal, file_id)
                    self._journal.committed()

    async def clean_folders(self) -> None:
        """Remove the run folders that nobody needs any more."""
        for job_id in await asyncio.to_thread(self._run_root.job_ids):
            async with self._transactions.begin() as connection:
                job = await jobs.find(connection, job_id)
                # By one whose child may still be writing there.
                leased = await leases.is_leased(connection, job_id)
            workdir = self._run_root.run(job_id)
            if job is None or self._is_over(job, leased):
                await asyncio.to_thread(workdir.remove)
            elif job.state is State.SUCCEEDED:
                await asyncio.to_thread(workdir.slim)

    def _is_over(self, job: Job, leased: bool) -> bool:
        """Tell whether nobody looks into the job's folder any more."""
        if job.state is State.CANCELLED:
            return not leased
        if job.finished_at is None:
            return False
        return self._clock.now() - job.finished_at >= self._retention
