"""News from the registry: a file that waiting jobs need was deleted, a model was.

Knows what follows from which event. Idempotent; what it misses, the upkeep finds.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from argosy.api import subjects
from argosy.api.events.v1.events_pb2 import Event
from argosy.kit.outbox import first_time
from argosy.trainer.runs.workdir import RunRoot
from argosy.trainer.store import jobs
from argosy.trainer.store.transactions import Transactions
from argosy.trainer.usecases.journal import Journal
from argosy.trainer.usecases.waiting import fail_without_file

_log = logging.getLogger(__name__)

DURABLE: Final = "trainer"
EVENTS: Final = (subjects.FILE_DELETED, subjects.MODEL_DELETED)


class Consumer:
    """Handles the trainer's events."""

    def __init__(self, transactions: Transactions, journal: Journal, run_root: RunRoot) -> None:
        self._transactions = transactions
        self._journal = journal
        self._run_root = run_root

    async def handle(self, event: Event) -> None:
        """Apply one event, once."""
        match event.WhichOneof("payload"):
            case "file_deleted":
                await self._file_deleted(event)
            case "model_deleted":
                await self._model_deleted(event)
            case _:
                _log.debug("no concern of ours", extra={"event_type": event.type})

    async def _file_deleted(self, event: Event) -> None:
        async with self._transactions.begin() as connection:
            if not await first_time(connection, DURABLE, event.id):
                return
            file_id = event.file_deleted.file_id
            count = await fail_without_file(connection, self._journal, file_id)
        self._journal.committed()
        if count:
            _log.info("%d waiting jobs failed without their file", count)

    async def _model_deleted(self, event: Event) -> None:
        """Remove what is left of the run that made the model; a running one needs it."""
        async with self._transactions.begin() as connection:
            if not await first_time(connection, DURABLE, event.id):
                return
            job = await jobs.find(connection, event.model_deleted.job_id)
            # Inside the transaction: if the removal fails, the event comes again.
            if job is None or not job.state.terminal:
                return
            if event.model_deleted.model_id == job.tuned_model:
                await asyncio.to_thread(self._run_root.run(job.id).remove)
