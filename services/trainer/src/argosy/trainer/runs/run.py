"""One leased job from its files to its end: fetch, train in a child, publish, finish.

Knows the order and what follows from how the child ended. Talks to everything through others.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from argosy.api.records import COMPRESSION, CUSTOM
from argosy.kit.retry import backoff
from argosy.trainer.domain import worker_lines
from argosy.trainer.domain.asked import IDLE
from argosy.trainer.domain.job import Job
from argosy.trainer.domain.parameters.parameter import BadParameter
from argosy.trainer.domain.programs import Program, chosen
from argosy.trainer.domain.states import State
from argosy.trainer.load import ServingLoad
from argosy.trainer.patience import first_of, uninterrupted
from argosy.trainer.runs.child import Child, Stalled, clean_environment, reap
from argosy.trainer.runs.fetching import Fetcher
from argosy.trainer.runs.finisher import Finisher
from argosy.trainer.runs.outcomes import JobFailure, Yielded
from argosy.trainer.runs.publisher import Publisher
from argosy.trainer.runs.recorder import Recorder
from argosy.trainer.runs.spec import Inputs, build_spec, environment, keeps_best
from argosy.trainer.runs.workdir import WorkDir

_log = logging.getLogger(__name__)

_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
# A child that said its last word, or closed its output, has only to exit.
_EXIT_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """How children are run. Times in seconds."""

    command: Sequence[str]
    # Of the child that compresses; empty where there is no environment for it.
    compress_command: Sequence[str]
    # Of the operator, for jobs of one's own code, by name.
    programs: Mapping[str, Program]
    surroundings: Mapping[str, str]
    processes: int
    stall: float
    stop_grace: float
    crash_retries: int
    crash_backoff: float
    yield_seconds: float


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
        fetcher: Fetcher,
        recorder: Recorder,
        publisher: Publisher,
        finisher: Finisher,
        load: ServingLoad,
        policy: RunPolicy,
    ) -> None:
        self._job = job
        self._workdir = workdir
        self._fetcher = fetcher
        self._recorder = recorder
        self._publisher = publisher
        self._finisher = finisher
        self._load = load
        self._policy = policy
        # A child may be at work; it is asked to stop at its next checkpoint.
        self._training = False
        self._yielding = False

    async def work(self) -> None:
        """Take the job to its end, good or bad. Raises `LeaseLost` if that is not for us."""
        try:
            await self._work()
        except JobFailure as failure:
            await self._recorder.failed(failure.error)
        except Yielded:
            await self._recorder.yielded()
        except OSError as error:
            _log.exception("the run's folder cannot be used")
            await self._recorder.failed(_disk_failure(error).error)

    async def _work(self) -> None:
        await reap(self._workdir, self._job.id)
        await asyncio.to_thread(self._workdir.prepare)
        await self._publisher.begin()
        guards: list[Coroutine[Any, Any, NoReturn]] = [self._publisher.run()]
        if self._job.asked.schedule == IDLE:
            guards.append(self._make_room())
        await first_of(self._train_and_finish(), *guards)

    async def _make_room(self) -> NoReturn:
        """When serving wakes, give the child time to its next checkpoint, then yield.

        Raises `Yielded`.
        """
        while True:
            await self._load.until_busy()
            if self._training:
                self._yielding = True
                await asyncio.sleep(self._policy.yield_seconds)
                if self._training:
                    raise Yielded
            await asyncio.sleep(_LOOK_SECONDS)

    async def _train_and_finish(self) -> None:
        step = await self._trained_before()
        if step is None:
            last = await self._train()
            await self._publisher.flush()
            step = await self._result_step(last)
        await self._publisher.flush()
        await self._finisher.finish(step)

    async def _trained_before(self) -> int | None:
        """Return the last step if an earlier life of the run finished training."""
        if self._job.state is not State.FINALIZING or self._job.final_step is None:
            return None
        if await asyncio.to_thread(self._workdir.intact, self._job.final_step):
            return self._job.final_step
        await self._recorder.reopened()
        return None

    async def _result_step(self, last: int) -> int:
        """Return the step whose checkpoint becomes the model: the last, or the best."""
        stop = await self._recorder.early_stop()
        plan = self._job.plan
        if stop is None and (plan is None or not keeps_best(plan)):
            return last
        best = await self._recorder.best_step() if stop is None else stop.best_step
        if best is not None and await asyncio.to_thread(self._workdir.intact, best):
            return best
        return last

    async def _train(self) -> int:
        """Run children until one finishes; return the last step."""
        inputs = await self._fetcher.fetch()
        self._training = True
        try:
            return await self._train_on(inputs)
        finally:
            self._training = False

    async def _train_on(self, inputs: Inputs) -> int:
        delays = backoff(base=self._policy.crash_backoff, cap=60.0)
        while True:
            ending = await self._one_child(inputs)
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

    async def _one_child(self, inputs: Inputs) -> worker_lines.Finished | Crash:
        """Run one child from the newest whole checkpoint to its end."""
        safe_step = await self._recorder.safe_step()
        resume_step = await asyncio.to_thread(self._workdir.newest_intact, safe_step)
        for step in await asyncio.to_thread(self._workdir.steps):
            self._publisher.offer(step)
        resume = None if resume_step is None else self._workdir.checkpoint(resume_step)
        spec = build_spec(self._job, inputs, resume, self._policy.processes)
        await asyncio.to_thread(self._workdir.write_spec, spec)
        child = Child(
            self._command(),
            self._workdir,
            clean_environment(self._policy.surroundings, self._job.id) | environment(inputs),
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

    def _command(self) -> Sequence[str]:
        """Raises `JobFailure` where nothing can run it, as after a start without it."""
        if self._job.asked.method == CUSTOM:
            return self._program().command
        if self._job.asked.method != COMPRESSION:
            return self._policy.command
        if self._policy.compress_command:
            return self._policy.compress_command
        raise JobFailure(
            "invalid_value",
            "The environment for compression is gone from this server. Its operator installs it "
            "with `make setup-compress`.",
            "argosy.method",
        )

    def _program(self) -> Program:
        try:
            return chosen(self._job.asked.program, self._policy.programs)
        except BadParameter as gone:
            raise JobFailure("invalid_value", gone.message, gone.param) from gone

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
                case worker_lines.Dropped():
                    await self._recorder.dropped(line)
                case worker_lines.Sample():
                    await self._recorder.sample(line)
                case worker_lines.EarlyStopped():
                    await self._recorder.early_stopped(line)
                case worker_lines.CheckpointWritten():
                    await self._recorder.checkpointed(line.step)
                    self._publisher.offer(line.step)
                    if self._yielding:
                        raise Yielded
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


def _describe(status: int) -> str:
    if status < 0:
        return f"it was killed by signal {-status}"
    return f"it exited with status {status}"


def _disk_failure(error: OSError) -> JobFailure:
    if error.errno in _NO_SPACE:
        return JobFailure("disk_full", "The trainer's disk is full. Free some space and try again.")
    return JobFailure("internal", f"The run's folder cannot be used: {error.strerror}.")
