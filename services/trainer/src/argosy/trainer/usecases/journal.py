"""A job's change, its events and its news as one: what commits together is written together here.

Knows which change makes which news. Does not decide changes.
"""

from __future__ import annotations

from typing import Any, Final

from argosy.api import ids, subjects
from argosy.api.events.v1.events_pb2 import (
    CheckpointCreated,
    Event,
    JobCreated,
    JobStatusChanged,
    UsageRecorded,
)
from argosy.kit import tracing
from argosy.kit.clock import Clock
from argosy.kit.outbox import Outbox
from argosy.trainer.domain import texts
from argosy.trainer.domain.asked import IDLE
from argosy.trainer.domain.job import Job, JobError
from argosy.trainer.domain.states import FOLLOWS, State
from argosy.trainer.domain.texts import Note
from argosy.trainer.store import history, jobs
from argosy.trainer.store.transactions import Connection

# What was trained until then has used what costs.
_EARLY_ENDS: Final = frozenset({State.FAILED, State.CANCELLED})


class Journal:
    """Writes changes in the caller's transaction."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._outbox = outbox
        self._clock = clock

    async def created(self, connection: Connection, job: Job) -> None:
        """Tell of a job that was just inserted."""
        await history.add_notes(connection, job.id, texts.created(job.id))
        await self._outbox.add(
            connection,
            self._event(job, subjects.JOB_CREATED, job_created=JobCreated(job_id=job.id)),
        )

    async def move(
        self, connection: Connection, job: Job, state: State, *notes: Note, **values: Any
    ) -> Job:
        """Take a job, whose row the caller holds, to `state`; set further columns."""
        if state not in FOLLOWS[job.state]:
            raise ValueError(f"{state} does not follow {job.state}")
        moved = await jobs.update(connection, job.id, state=state, **values)
        await history.add_notes(connection, job.id, *notes)
        if moved.state.public != job.state.public:
            change = JobStatusChanged(job_id=job.id, status=moved.state.public)
            await self._outbox.add(
                connection,
                self._event(job, subjects.JOB_STATUS_CHANGED, job_status_changed=change),
            )
        if state in _EARLY_ENDS:
            await self._spent(connection, moved)
        return moved

    async def fail(self, connection: Connection, job: Job, error: JobError) -> Job:
        """Take a job to its end as failed."""
        return await self.move(
            connection, job, State.FAILED, texts.failed(error.message), error=error
        )

    async def checkpoint(self, connection: Connection, job: Job, step: int, model_id: str) -> None:
        """Note a checkpoint that the registry has; once, however often it is told."""
        if not await history.add_checkpoint(connection, job.id, step, model_id):
            return
        await history.add_notes(connection, job.id, texts.checkpoint(step, model_id))
        news = CheckpointCreated(job_id=job.id, step=step, model_id=model_id)
        await self._outbox.add(
            connection, self._event(job, subjects.CHECKPOINT_CREATED, checkpoint_created=news)
        )

    async def _spent(self, connection: Connection, job: Job) -> None:
        """Tell the ledger of the steps that were made of a job that ends before its time."""
        steps = job.completed_steps
        if tokens := await history.trained_tokens(connection, job.id, steps):
            seconds = await history.trained_seconds(connection, job.id, steps)
            await self.usage(connection, job, tokens, seconds, outcome=job.state.value)

    async def usage(
        self,
        connection: Connection,
        job: Job,
        training_tokens: int,
        seconds: float,
        *,
        outcome: str = "ok",
    ) -> None:
        """Tell the ledger what the training used. Idle time is free: nothing is told of it."""
        if job.asked.schedule == IDLE:
            return
        used = UsageRecorded(
            key_id=job.key_id,
            model=job.model,
            request_id=job.id,
            operation="training",
            outcome=outcome,
            training_tokens=training_tokens,
            duration_ms=round(seconds * 1000),
        )
        await self._outbox.add(
            connection, self._event(job, subjects.USAGE_RECORDED, usage_recorded=used)
        )

    def committed(self) -> None:
        """Say that the transaction is through, so that its news need not wait."""
        self._outbox.wake()

    def _event(self, job: Job, event_type: str, **payload: Any) -> Event:
        event = Event(
            id=ids.new_id(ids.EVENT),
            type=event_type,
            project_id=job.project_id,
            # What nobody asked for belongs to the request that created the job.
            traceparent=tracing.traceparent() or job.traceparent,
            **payload,
        )
        event.occurred_at.FromDatetime(self._clock.now())
        return event
