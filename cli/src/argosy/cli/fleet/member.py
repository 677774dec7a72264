"""One supervised process: start when its needs are ready, watch, start again, stop.

Knows one process. Does not know the others: it is told when it may start.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Final

from argosy.cli.errors import FleetError, StartupFailed
from argosy.cli.fleet import logfile
from argosy.cli.fleet.plan import MemberPlan
from argosy.cli.fleet.state import MemberState, Stage
from argosy.kit.processes import signal_group, spawn, start_time, terminate_group
from argosy.kit.retry import backoff

_FIRST_LOOK: Final = 0.05
_SLOWEST_LOOK: Final = 0.5
_WATCH_SECONDS: Final = 2.0
_LOOKS_BEFORE_UNREADY: Final = 2
# A process that was ready this long has recovered: its next crash counts as a first one.
_RECOVERED_SECONDS: Final = 20.0


def restart_delays() -> Iterator[float]:
    """Return the pauses before the next start, growing, in seconds."""
    return backoff(base=0.3, cap=30.0)


class Member:
    """Runs one process until told to stop. `ready` is set while it takes work."""

    def __init__(
        self,
        plan: MemberPlan,
        changed: Callable[[], None],
        delays: Callable[[], Iterator[float]] = restart_delays,
    ) -> None:
        self.plan = plan
        self.ready = asyncio.Event()
        self.once_ready = asyncio.Event()
        self._changed = changed
        self._delays = delays
        self._stopping = asyncio.Event()
        self._process: Process | None = None
        self.state = MemberState(
            name=plan.name,
            stage=Stage.WAITING,
            pid=None,
            start_ticks=None,
            port=plan.port,
            url=plan.url,
            health_url=plan.health_url,
            log=str(plan.log),
            restarts=0,
            seconds=None,
            since=time.time(),
            note="",
        )

    async def run(self, needs: Callable[[], Awaitable[None]]) -> None:
        """Keep the process up until `stop`. Raises `StartupFailed` if it never comes up."""
        if not await self._unless_stopping(needs()):
            self._now(Stage.STOPPED)
            return
        delays = self._delays()
        while not self._stopping.is_set():
            started = time.monotonic()
            note = await self._one_life()
            if self._stopping.is_set():
                break
            if not self.once_ready.is_set() and self.state.restarts + 1 >= self.plan.role.attempts:
                self._now(Stage.STOPPED, note=note)
                raise StartupFailed(self.plan.name, note)
            if time.monotonic() - started > _RECOVERED_SECONDS:
                delays = self._delays()
            delay = next(delays)
            self._now(
                Stage.BACKING_OFF,
                restarts=self.state.restarts + 1,
                note=f"{note}; starts again in {delay:.1f} s",
            )
            await self._unless_stopping(asyncio.sleep(delay))
        self._now(Stage.STOPPED)

    def stop(self) -> None:
        """Ask the process to end; `run` returns when it has."""
        self._stopping.set()

    def kill(self) -> None:
        """End the process and its group at once."""
        self._stopping.set()
        if self._process is not None:
            signal_group(self._process.pid, signal.SIGKILL)

    async def _one_life(self) -> str:
        """Start the process, watch it, return how it ended."""
        self._now(Stage.STARTING, seconds=None)
        started = time.monotonic()
        try:
            if self.plan.prepare and not await self._unless_stopping(self.plan.prepare()):
                return "stopped"
            self._process = await self._spawn()
        except (FleetError, OSError) as error:
            return str(error)
        self._now(Stage.STARTING, pid=self._process.pid, start_ticks=start_time(self._process.pid))
        watching = asyncio.create_task(self._watch(self._process, started))
        exiting = asyncio.create_task(self._process.wait())
        try:
            await self._unless_stopping(
                asyncio.wait({watching, exiting}, return_when=asyncio.FIRST_COMPLETED)
            )
        finally:
            watching.cancel()
            exiting.cancel()
            self.ready.clear()
            if self._stopping.is_set() and self._process.returncode is None:
                self._now(Stage.STOPPING)
            status = await terminate_group(
                self._process,
                self.plan.role.grace_seconds,
                first=self.plan.role.stop_signal,
            )
            await asyncio.gather(watching, exiting, return_exceptions=True)
        failure = None if watching.cancelled() else watching.exception()
        self._now(self.state.stage, pid=None, start_ticks=None)
        return str(failure) if failure else _ending(status)

    async def _spawn(self) -> Process:
        logfile.trim(self.plan.log)
        with logfile.open_for_process(self.plan.log) as log:
            return await spawn(
                self.plan.command,
                env=self.plan.environment,
                stdout=log,
                stderr=log,
                death_signal=self.plan.role.death_signal,
            )

    async def _watch(self, process: Process, started: float) -> None:
        """Ask for readiness as long as the process lives. Raises `FleetError` if it never is."""
        pause, misses, seconds = _FIRST_LOOK, 0, None
        while process.returncode is None:
            missing = await self.plan.probe()
            if missing is None:
                misses = 0
                if not self.ready.is_set():
                    seconds = seconds or round(time.monotonic() - started, 1)
                    self.ready.set()
                    self.once_ready.set()
                    self._now(Stage.READY, seconds=seconds, note="")
                pause = _WATCH_SECONDS
                logfile.trim(self.plan.log)
            elif self.ready.is_set():
                misses += 1
                if misses >= _LOOKS_BEFORE_UNREADY:
                    self.ready.clear()
                    self._now(Stage.UNREADY, note=missing)
            elif seconds is None and self._overdue(started):
                raise FleetError(f"not ready after {self.plan.role.start_seconds:g} s: {missing}")
            else:
                pause = min(_SLOWEST_LOOK, pause * 1.3)
                if self.state.note != missing and self.state.stage is Stage.STARTING:
                    self._now(Stage.STARTING, note=missing)
            await asyncio.sleep(pause)

    def _overdue(self, started: float) -> bool:
        return time.monotonic() - started > self.plan.role.start_seconds

    async def _unless_stopping(self, work: Awaitable[object]) -> bool:
        """Await `work` until the stop begins; tell whether it was completed."""
        task = asyncio.ensure_future(work)
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if task.done() and not self._stopping.is_set():
                task.result()
                return True
            return False
        finally:
            stop.cancel()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, FleetError, OSError):
                await task

    def _now(self, stage: Stage, **changes: object) -> None:
        since = self.state.since if stage is self.state.stage else time.time()
        self.state = replace(self.state, stage=stage, since=since, **changes)  # type: ignore[arg-type] # fields by name
        self._changed()


def _ending(status: int) -> str:
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"
