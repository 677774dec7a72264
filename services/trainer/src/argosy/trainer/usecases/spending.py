"""Pauses the jobs of projects whose money of the month is used up.

The rule: such a project's new jobs are refused (`create`); those that wait or run are paused, and
keep their last checkpoint; one that has finished training is published. Nobody resumes them but the
user, in the next month or under a higher limit: until then a resume is refused too (`control`).
Where the registry does not answer, jobs go on.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from argosy.kit.errors import ApiError, InvalidRequest, NotFound
from argosy.trainer.domain.job import Job
from argosy.trainer.domain.states import State, Verb
from argosy.trainer.domain.texts import Note
from argosy.trainer.store import history, jobs
from argosy.trainer.store.transactions import Transactions
from argosy.trainer.usecases.control import ControlJob, Exhausted

_log = logging.getLogger(__name__)

# States in which a job uses what costs, or is about to.
_SPENDING: Final = (State.QUEUED, State.RUNNING)


class Spending:
    """The use case."""

    def __init__(
        self, transactions: Transactions, control: ControlJob, exhausted: Exhausted
    ) -> None:
        self._transactions = transactions
        self._control = control
        self._exhausted = exhausted

    async def run(self, period: float) -> None:
        """Look every `period` seconds until cancelled."""
        while True:
            try:
                await self.look()
            except ApiError as error:
                _log.warning("the look at what was spent waits: %s", error.message)
            await asyncio.sleep(period)

    async def look(self) -> int:
        """Pause what may not go on; return how many jobs that were. Raises `Unavailable`."""
        async with self._transactions.begin() as connection:
            spending = await jobs.in_states(connection, _SPENDING)
        reasons = {
            project: await self._exhausted(project) for project in {j.project_id for j in spending}
        }
        paused = [
            await self._pause(job, why) for job in spending if (why := reasons[job.project_id])
        ]
        return sum(paused)

    async def _pause(self, job: Job, why: str) -> bool:
        try:
            now = await self._control(Verb.PAUSE, job.project_id, job.id)
        except (InvalidRequest, NotFound):
            return False  # it ended meanwhile
        note = Note(f"out_of_money:{now.switches}", why, level="warn")
        async with self._transactions.begin() as connection:
            await history.add_notes(connection, job.id, note)
        return True
