"""What a run writes to the database, each time under its lease.

Knows which lines become which rows. Every method tries until the database answers, and raises
`LeaseLost` once the run has no right to write any more; the keeper finds out why.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from datetime import timedelta

from argosy.kit.clock import Clock
from argosy.trainer.domain import texts, worker_lines
from argosy.trainer.domain.cost import Cost
from argosy.trainer.domain.estimate import Estimate
from argosy.trainer.domain.job import EarlyStop, Job, JobError, Lease, MetricsRow
from argosy.trainer.domain.states import ACTIVE, State
from argosy.trainer.metrics import TrainerMetrics
from argosy.trainer.patience import insist
from argosy.trainer.runs.outcomes import LeaseLost
from argosy.trainer.store import history, jobs, leases
from argosy.trainer.store.transactions import Connection, Transactions
from argosy.trainer.usecases import evaluations
from argosy.trainer.usecases.journal import Journal

_TRAINING = (State.RUNNING,)
_SAMPLES_A_STEP = 8


class Recorder:
    """The writing hand of one leased run."""

    def __init__(
        self,
        transactions: Transactions,
        journal: Journal,
        lease: Lease,
        clock: Clock,
        metrics: TrainerMetrics,
    ) -> None:
        self._transactions = transactions
        self._journal = journal
        self._lease = lease
        self._clock = clock
        self._metrics = metrics
        self._estimate = Estimate()
        self._total_steps = 0
        self._why = ""
        self._samples, self._sampled_step = 0, -1

    async def started(self, line: worker_lines.Started) -> None:
        """The child is about to make its first step, or to go on after an earlier one."""
        self._estimate.begin(self._clock.monotonic())
        self._total_steps = line.total_steps

        async def write(connection: Connection, job: Job) -> None:
            first = texts.started()
            await jobs.update(
                connection,
                job.id,
                total_steps=line.total_steps,
                completed_steps=line.resumed_from,
            )
            if await history.has_note(connection, job.id, first.key):
                attempt = f"{self._lease.epoch}.{job.completed_steps}.{job.crashes}"
                first = texts.continued(line.resumed_from, attempt)
                gap = {
                    "at_step": job.completed_steps,
                    "resumed_from": line.resumed_from,
                    "why": self._why or "it was paused, or the trainer began anew",
                }
                await history.observe(
                    connection, job.id, f"interruption:{attempt}", "interruption", gap
                )
            await history.add_notes(connection, job.id, first)

        await self._write(write, _TRAINING)

    async def step(self, line: worker_lines.Step) -> None:
        seconds = self._estimate.step(self._clock.monotonic())
        left = self._estimate.remaining(self._total_steps - line.step)
        finish = None if left is None else self._clock.now() + timedelta(seconds=left)

        async def write(connection: Connection, job: Job) -> None:
            await jobs.update(
                connection, job.id, completed_steps=line.step, estimated_finish=finish
            )
            await history.put_step(connection, job.id, line)
            every = 1 if job.plan is None else job.plan.whole("logging_steps", 1)
            if line.step % every == 0 or line.step == self._total_steps:
                await history.add_notes(connection, job.id, texts.step(line, self._total_steps))

        await self._write(write, _TRAINING)
        self._metrics.step(seconds, line.tokens)
        share = min(1.0, line.step / self._total_steps) if self._total_steps else 0.0
        self._metrics.progress(self._lease.job_id, line.train_loss, share)

    async def validation(self, line: worker_lines.Validation) -> None:
        async def write(connection: Connection, job: Job) -> None:
            await history.put_validation(connection, job.id, line)
            await history.add_notes(connection, job.id, texts.validation(line, self._total_steps))

        await self._write(write, _TRAINING)

    async def dropped(self, line: worker_lines.Dropped) -> None:
        async def write(connection: Connection, job: Job) -> None:
            await history.observe(
                connection, job.id, f"dropped:{line.of}:{line.reason}", "dropped", asdict(line)
            )
            await history.add_notes(connection, job.id, texts.dropped(line))

        await self._write(write, _TRAINING)

    async def sample(self, line: worker_lines.Sample) -> None:
        """Keep an answer for who wants to see what is reinforced; the newest of each kind."""

        async def write(connection: Connection, job: Job) -> None:
            step = line.step or job.completed_steps
            self._samples = self._samples + 1 if step == self._sampled_step else 0
            self._sampled_step = step
            if self._samples < _SAMPLES_A_STEP:
                key = f"sample:{step}:{self._samples}"
                data = {**asdict(line), "step": step}
                await history.observe(connection, job.id, key, "sample", data)

        await self._write(write, _TRAINING)

    async def taught(self, answered: int, prompts: int, kept: int) -> None:
        """A teacher has answered so many prompts before a distillation."""

        async def write(connection: Connection, job: Job) -> None:
            await history.add_notes(connection, job.id, texts.taught(answered, prompts, kept))

        await self._write(write, _TRAINING)

    async def early_stopped(self, line: worker_lines.EarlyStopped) -> None:
        async def write(connection: Connection, job: Job) -> None:
            stop = EarlyStop(line.step, line.best_step)
            await jobs.update(connection, job.id, early_stop=stop)
            await history.add_notes(connection, job.id, texts.early_stopped(line))

        await self._write(write, _TRAINING)

    async def checkpointed(self, step: int) -> None:
        """The child told of a checkpoint, so of everything before it.

        Only from such a one a run may resume, else steps that were trained would not be counted.
        Crashes before it do not count any more.
        """

        async def write(connection: Connection, job: Job) -> None:
            safe = max(step, job.safe_step)
            await jobs.update(connection, job.id, crashes=0, safe_step=safe)

        await self._write(write, _TRAINING)

    async def crashed(self, why: str, allowed: int) -> int:
        """Count a crash of the child; return how many there were since the last checkpoint."""
        count = 0
        self._why = why

        async def write(connection: Connection, job: Job) -> None:
            nonlocal count
            count = job.crashes + 1
            await jobs.update(connection, job.id, crashes=count, estimated_finish=None)
            if count <= allowed:
                await history.add_notes(
                    connection, job.id, texts.crashed(count, allowed, why, job.completed_steps)
                )

        await self._write(write, _TRAINING)
        self._metrics.restarts.inc()
        return count

    async def yielded(self) -> None:
        """Serving needs the machine: the job waits in the queue for quiet."""

        async def write(connection: Connection, job: Job) -> None:
            note = texts.yielded(str(self._lease.epoch), job.completed_steps)
            await self._journal.move(connection, job, State.QUEUED, note, estimated_finish=None)

        await self._write(write, _TRAINING)
        self._journal.committed()

    async def finalizing(self, final_step: int) -> None:
        """Training is done: from here on a cancel comes too late."""

        async def write(connection: Connection, job: Job) -> None:
            if job.state is State.RUNNING:
                await self._journal.move(connection, job, State.FINALIZING, final_step=final_step)

        await self._write(write, tuple(ACTIVE))

    async def reopened(self) -> None:
        """The finished adapter is gone: train again."""

        async def write(connection: Connection, job: Job) -> None:
            await self._journal.move(connection, job, State.RUNNING, final_step=None)

        await self._write(write, (State.FINALIZING,))

    async def spent(self, final_step: int) -> Cost:
        """Return what the run took: each step once, however often it was run."""

        async def read() -> Cost:
            async with self._transactions.begin() as connection:
                job = await jobs.find(connection, self._lease.job_id)
                last = final_step if job is None else max(final_step, job.completed_steps)
                return Cost(
                    tokens=await history.trained_tokens(connection, self._lease.job_id, last),
                    seconds=await history.trained_seconds(connection, self._lease.job_id, last),
                )

        return await insist(read, "run")

    async def succeeded(self, final_step: int, actual: Cost) -> None:
        """The registry has the model and the result file: the job is done."""

        async def write(connection: Connection, job: Job) -> None:
            last = max(final_step, job.completed_steps)
            tokens = await history.trained_tokens(connection, job.id, last)
            await self._journal.move(
                connection,
                job,
                State.SUCCEEDED,
                texts.model_created(job.tuned_model),
                texts.succeeded(),
                trained_tokens=tokens,
                actual=actual,
                completed_steps=last,
            )
            await self._journal.usage(connection, job, tokens, actual.seconds or 0.0)
            await evaluations.follow(connection, replace(job, final_step=final_step))

        await self._write(write, (State.FINALIZING,))
        self._journal.committed()

    async def failed(self, error: JobError) -> None:
        async def write(connection: Connection, job: Job) -> None:
            await self._journal.fail(connection, job, error)

        await self._write(write, tuple(ACTIVE))
        self._journal.committed()

    async def safe_step(self) -> int:
        async def read() -> int:
            async with self._transactions.begin() as connection:
                job = await jobs.find(connection, self._lease.job_id)
                return 0 if job is None else job.safe_step

        return await insist(read, "run")

    async def best_step(self) -> int | None:
        """Return the checkpoint with the lowest validation loss; None if nothing was validated."""

        async def read() -> int | None:
            async with self._transactions.begin() as connection:
                return await history.best_checkpoint(connection, self._lease.job_id)

        return await insist(read, "run")

    async def early_stop(self) -> EarlyStop | None:
        async def read() -> EarlyStop | None:
            async with self._transactions.begin() as connection:
                job = await jobs.find(connection, self._lease.job_id)
                return None if job is None else job.early_stop

        return await insist(read, "run")

    async def forget_checkpoint(self, step: int) -> None:
        """The registry has it no more."""

        async def write(connection: Connection, job: Job) -> None:
            await history.remove_checkpoint(connection, job.id, step)

        await self._write(write, tuple(ACTIVE))

    async def published_steps(self) -> set[int]:
        async def read() -> set[int]:
            async with self._transactions.begin() as connection:
                return await history.published_steps(connection, self._lease.job_id)

        return await insist(read, "run")

    async def metrics_until(self, final_step: int) -> Sequence[MetricsRow]:
        async def read() -> Sequence[MetricsRow]:
            async with self._transactions.begin() as connection:
                job = await jobs.find(connection, self._lease.job_id)
                last = final_step if job is None else max(final_step, job.completed_steps)
                return await history.metrics_until(connection, self._lease.job_id, last)

        return await insist(read, "run")

    @asynccontextmanager
    async def publishing(self) -> AsyncIterator[Callable[[int, str], Awaitable[None]]]:
        """Hold off cancel and pause while the block says a checkpoint's last word.

        Yields a function that notes the checkpoint in the same transaction. Raises `LeaseLost`
        if the job is not running any more, before anything was said.
        """
        async with self._transactions.begin() as connection:
            await jobs.queue_up(connection, "publish", self._lease.job_id)
            # No row lock: steps go on being written meanwhile.
            if not await leases.holds(connection, self._lease, _TRAINING):
                raise LeaseLost
            job = await jobs.find(connection, self._lease.job_id)
            if job is None:
                raise LeaseLost

            async def note(step: int, model_id: str) -> None:
                await self._journal.checkpoint(connection, job, step, model_id)

            yield note
        self._journal.committed()

    async def _write(
        self,
        write: Callable[[Connection, Job], Awaitable[None]],
        states: Sequence[State],
    ) -> None:
        async def attempt() -> None:
            async with self._transactions.begin() as connection:
                job = await leases.lock(connection, self._lease, states)
                if job is None:
                    raise LeaseLost
                await write(connection, job)

        await insist(attempt, "run")
