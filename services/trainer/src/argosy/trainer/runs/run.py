"""One leased job from its files to its end: fetch, train in a child, publish, finish.

Knows the order and what follows from how the child ended. Talks to everything through others.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy.kit.errors import NotFound
from argosy.kit.retry import backoff
from argosy.trainer.domain import worker_lines
from argosy.trainer.domain.job import Job
from argosy.trainer.domain.states import State
from argosy.trainer.patience import first_of, insist, uninterrupted
from argosy.trainer.registry import Registry
from argosy.trainer.runs.child import Child, Stalled, clean_environment, reap
from argosy.trainer.runs.finisher import Finisher
from argosy.trainer.runs.outcomes import JobFailure
from argosy.trainer.runs.publisher import Publisher
from argosy.trainer.runs.recorder import Recorder
from argosy.trainer.runs.workdir import WorkDir
from argosy.trainer.usecases.waiting import missing_file

_log = logging.getLogger(__name__)

_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
# A child that said its last word, or closed its output, has only to exit.
_EXIT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """How children are run. Times in seconds."""

    command: Sequence[str]
    surroundings: Mapping[str, str]
    stall: float
    stop_grace: float
    crash_retries: int
    crash_backoff: float


@dataclass(frozen=True, slots=True)
class Crash:
    """The child ended without saying why."""

    why: str


class Run:
    """The work on one job under one lease."""

    def __init__(
        self,
        job: Job,
        workdir: WorkDir,
        registry: Registry,
        recorder: Recorder,
        publisher: Publisher,
        finisher: Finisher,
        policy: RunPolicy,
    ) -> None:
        self._job = job
        self._workdir = workdir
        self._registry = registry
        self._recorder = recorder
        self._publisher = publisher
        self._finisher = finisher
        self._policy = policy

    async def work(self) -> None:
        """Take the job to its end, good or bad. Raises `LeaseLost` if that is not for us."""
        try:
            await self._work()
        except JobFailure as failure:
            await self._recorder.failed(failure.error)
        except OSError as error:
            _log.exception("the run's folder cannot be used")
            await self._recorder.failed(_disk_failure(error).error)

    async def _work(self) -> None:
        await reap(self._workdir, self._job.id)
        await asyncio.to_thread(self._workdir.prepare)
        await self._publisher.begin()
        await first_of(self._train_and_finish(), self._publisher.run())

    async def _train_and_finish(self) -> None:
        step = await self._trained_before()
        if step is None:
            step = await self._train()
        await self._publisher.flush()
        await self._finisher.finish(step)
        await asyncio.to_thread(self._workdir.slim)

    async def _trained_before(self) -> int | None:
        """Return the last step if an earlier life of the run finished training."""
        if self._job.state is not State.FINALIZING or self._job.final_step is None:
            return None
        if await asyncio.to_thread(self._workdir.intact, self._job.final_step):
            return self._job.final_step
        await self._recorder.reopened()
        return None

    async def _train(self) -> int:
        """Run children until one finishes; return the last step."""
        weights_path = await self._weights_path()
        await self._fetch_files()
        delays = backoff(base=self._policy.crash_backoff, cap=60.0)
        while True:
            ending = await self._one_child(weights_path)
            if isinstance(ending, worker_lines.Finished):
                return ending.step
            _log.warning("the child crashed: %s", ending.why, extra={"job_id": self._job.id})
            crashes = await self._recorder.crashed(ending.why, self._policy.crash_retries)
            if crashes > self._policy.crash_retries:
                raise JobFailure(
                    "worker_crashed",
                    f"Training was interrupted {crashes} times without progress, "
                    f"the last time because {ending.why}.",
                )
            await asyncio.sleep(next(delays))

    async def _weights_path(self) -> str:
        async def attempt() -> str:
            return (await self._registry.model(self._job.project_id, self._job.model)).weights_path

        try:
            return await insist(attempt, "asking for the base model")
        except NotFound as error:
            raise JobFailure(
                "model_not_found",
                f"The base model '{self._job.model}' is gone. Create a job with another.",
                "model",
            ) from error

    async def _fetch_files(self) -> None:
        wanted = [(self._job.training_file, self._workdir.training)]
        if self._job.validation_file:
            wanted.append((self._job.validation_file, self._workdir.validation))
        for file_id, target in wanted:
            if await asyncio.to_thread(target.exists):
                continue

            async def attempt(file_id: str = file_id, target: Path = target) -> None:
                await self._registry.download(self._job.project_id, file_id, target)

            try:
                await insist(attempt, "downloading a file")
            except NotFound as error:
                gone = missing_file(self._job, file_id)
                raise JobFailure(gone.code, gone.message, gone.param) from error

    async def _one_child(self, weights_path: str) -> worker_lines.Finished | Crash:
        """Run one child from the newest whole checkpoint to its end."""
        safe_step = await self._recorder.safe_step()
        resume_step = await asyncio.to_thread(self._workdir.newest_intact, safe_step)
        for step in await asyncio.to_thread(self._workdir.steps):
            self._publisher.offer(step)
        await asyncio.to_thread(self._workdir.write_spec, self._spec(weights_path, resume_step))
        child = Child(
            self._policy.command,
            self._workdir,
            clean_environment(self._policy.surroundings, self._job.id),
        )
        ending: worker_lines.Finished | None = None
        why = ""
        linger = 0.0
        try:
            await uninterrupted(child.start())
            ending = await self._listen(child)
            linger = _EXIT_SECONDS
        except Stalled:
            why = f"it said nothing for {self._policy.stall:g} s"
        finally:
            # A job that was cancelled fails here by itself first, and is cancelled meanwhile.
            status = await uninterrupted(child.stop(self._policy.stop_grace, linger_seconds=linger))
        if ending is None:
            return Crash(why or _describe(status))
        if not await asyncio.to_thread(self._workdir.intact, ending.step):
            return Crash("its last checkpoint is torn")
        self._publisher.offer(ending.step)
        return ending

    async def _listen(self, child: Child) -> worker_lines.Finished | None:
        """Write down what the child says until it says no more. Raises `Stalled`."""
        async for raw in child.lines(self._policy.stall):
            try:
                line = worker_lines.parse(raw)
            except worker_lines.NotALine:
                continue
            match line:
                case worker_lines.Started():
                    await self._recorder.started(line)
                case worker_lines.Step():
                    await self._recorder.step(line)
                case worker_lines.Validation():
                    await self._recorder.validation(line)
                case worker_lines.CheckpointWritten():
                    await self._recorder.checkpointed(line.step)
                    self._publisher.offer(line.step)
                case worker_lines.Finished():
                    return line
                case worker_lines.Failed(reason="bad_checkpoint"):
                    await self._drop_newest()
                    return None
                case worker_lines.Failed():
                    raise JobFailure(line.reason, line.message)
        return None

    async def _drop_newest(self) -> None:
        """The child cannot read the checkpoint that it was to resume from: use the one before."""
        steps = await asyncio.to_thread(self._workdir.steps)
        if steps:
            await asyncio.to_thread(self._workdir.drop, steps[-1])

    def _spec(self, weights_path: str, resume_step: int | None) -> dict[str, object]:
        plan = self._job.plan
        if plan is None:
            raise ValueError("a job that was not planned cannot run")
        resume = None if resume_step is None else str(self._workdir.checkpoint(resume_step))
        return {
            "job_id": self._job.id,
            "weights_path": weights_path,
            "training_file": str(self._workdir.training),
            "validation_file": (
                str(self._workdir.validation) if self._job.validation_file else None
            ),
            "seed": self._job.seed,
            "n_epochs": plan.n_epochs,
            "batch_size": plan.batch_size,
            "learning_rate": plan.learning_rate,
            "lora_rank": plan.lora_rank,
            "max_seq_length": plan.max_seq_length,
            "checkpoint_every_steps": plan.checkpoint_every_steps,
            "max_steps": self._job.asked.max_steps,
            "resume_from": resume,
        }


def _describe(status: int) -> str:
    if status < 0:
        return f"it was killed by signal {-status}"
    return f"it exited with status {status}"


def _disk_failure(error: OSError) -> JobFailure:
    if error.errno in _NO_SPACE:
        return JobFailure("disk_full", "The trainer's disk is full. Free some space and try again.")
    return JobFailure("internal", f"The run's folder cannot be used: {error.strerror}.")
