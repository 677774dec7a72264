"""Works on tasks: takes one under a lease, runs it in a child process, sees to its one end.

The child lands its result and the task's success in one transaction, fenced by the lease. What else
can happen is here: a child that says why it failed, one that dies, a cancel, a stop of this
process. Knows processes and leases. Does not know what any task does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from argosy.kit import processes
from argosy.kit.db import Database
from argosy.registry.datasets.metrics import DatasetMetrics
from argosy.registry.datasets.store import tasks
from argosy.registry.datasets.tasks import MAX_ATTEMPTS, Lease, Task, TaskStatus
from argosy.registry.store.failures import DATABASE_ERRORS

_log = logging.getLogger(__name__)

_STOP_GRACE: Final = 1.0
_DIED: Final = {
    "kind": "internal",
    "message": f"The work ended the process that did it {MAX_ATTEMPTS} times; the registry's log "
    "says more.",
    "param": None,
    "code": "task_crashed",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """How many tasks at a time; seconds of a lease, between looks for work, after a crash."""

    slots: int
    lease: float
    poll: float
    retry: float
    command: Sequence[str] = (sys.executable, "-m", "argosy.registry.datasets.worker")


@dataclass(slots=True)
class _Heard:
    """What a child has said so far."""

    processed: int = 0
    total: int = 0
    failure: dict[str, Any] | None = None


class Supervisor:
    """All work on tasks in this process."""

    def __init__(
        self,
        database: Database,
        policy: Policy,
        metrics: DatasetMetrics,
        tidy: Callable[[], int],
    ) -> None:
        """`tidy` removes what dead processes have left on the disk."""
        self._tidy = tidy
        self._database = database
        self._policy = policy
        self._metrics = metrics
        self._owner = uuid.uuid4().hex
        self._wake = asyncio.Event()
        self._nudge = asyncio.Event()

    def wake(self) -> None:
        """There may be work, or something to cancel: nobody need wait for the next look."""
        self._wake.set()
        self._nudge.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._policy.slots):
                group.create_task(self._slot(), name=f"data slot {number}")

    async def _slot(self) -> None:
        while True:
            leased = None
            try:
                async with self._database.begin() as connection:
                    leased = await tasks.take(
                        connection, self._owner, timedelta(seconds=self._policy.lease)
                    )
                if leased is not None:
                    await self._work(*leased)
            except DATABASE_ERRORS as error:
                _log.warning("data work waits for the database: %s", type(error).__name__)
                leased = None
            if leased is None:
                await _wait(self._wake, self._policy.poll)

    async def _work(self, task: Task, lease: Lease) -> None:
        about = {"task_id": task.id, "task_type": task.type}
        if task.attempts > MAX_ATTEMPTS:
            await self._fail(lease, task, _DIED)
            return
        _log.info("data task starts", extra=about)
        heard = _Heard()
        process = await processes.spawn(
            [*self._policy.command, lease.task_id, str(lease.epoch)],
            env=os.environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=None,
        )
        listener = asyncio.create_task(_listen(process, heard), name="data child's lines")
        ended = asyncio.create_task(process.wait(), name="data child's end")
        try:
            stopped = await self._keep(lease, heard, ended)
        except BaseException:
            # A stop of this process, or a lost database: someone takes the task up again.
            await processes.terminate_group(process, _STOP_GRACE)
            with contextlib.suppress(*DATABASE_ERRORS):
                await asyncio.shield(self._give_back(lease))
            raise
        finally:
            ended.cancel()
        status = await processes.terminate_group(process, _STOP_GRACE)
        if status != 0:
            await asyncio.to_thread(self._tidy)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_GRACE):
                await listener
        listener.cancel()
        await self._settle(task, lease, heard, status, cancelled=stopped)

    async def _keep(self, lease: Lease, heard: _Heard, ended: asyncio.Task[int]) -> bool:
        """Hold the lease while the child works; True if it is to stop before its end."""
        duration = timedelta(seconds=self._policy.lease)
        while not ended.done():
            self._nudge.clear()
            async with self._database.begin() as connection:
                task = await tasks.renew(connection, lease, duration, heard.processed, heard.total)
            if task is None:
                # Ended by the child just now, or taken over by another supervisor.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_STOP_GRACE):
                        await asyncio.shield(ended)
                return False
            if task.cancel_requested:
                return True
            nudge = asyncio.create_task(self._nudge.wait())
            await asyncio.wait(
                {nudge, ended},
                timeout=min(1.0, self._policy.lease / 3),
                return_when=asyncio.FIRST_COMPLETED,
            )
            nudge.cancel()
        return False

    async def _settle(
        self, task: Task, lease: Lease, heard: _Heard, status: int, *, cancelled: bool
    ) -> None:
        """See to the task's end, if the child did not."""
        async with self._database.begin() as connection:
            open_still = await tasks.by_lease(connection, lease)
            if open_still is not None and cancelled:
                await tasks.finish(connection, lease, TaskStatus.CANCELLED)
        if open_still is None or cancelled:
            outcome = "cancelled" if open_still is not None else "succeeded"
            self._metrics.tasks.labels(task.type, outcome).inc()
            _log.info("data task ended", extra={"task_id": task.id, "outcome": outcome})
        elif heard.failure is not None:
            await self._fail(lease, task, heard.failure)
        elif task.attempts >= MAX_ATTEMPTS:
            await self._fail(lease, task, _DIED)
        else:
            _log.warning("a data child ended with %d", status, extra={"task_id": task.id})
            self._metrics.crashes.inc()
            async with self._database.begin() as connection:
                await tasks.release(connection, lease, timedelta(seconds=self._policy.retry))

    async def _fail(self, lease: Lease, task: Task, error: dict[str, Any]) -> None:
        async with self._database.begin() as connection:
            await tasks.finish(connection, lease, TaskStatus.FAILED, error=error)
        self._metrics.tasks.labels(task.type, "failed").inc()
        _log.info("data task failed", extra={"task_id": task.id, "code": error.get("code")})

    async def _give_back(self, lease: Lease) -> None:
        async with asyncio.timeout(_STOP_GRACE), self._database.begin() as connection:
            await tasks.release_unspent(connection, lease)


async def _listen(process: asyncio.subprocess.Process, heard: _Heard) -> None:
    if process.stdout is None:
        return
    async for line in process.stdout:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if not isinstance(said, dict):
            continue
        heard.processed = int(said.get("processed", heard.processed))
        heard.total = int(said.get("total", heard.total))
        heard.failure = said.get("failure", heard.failure)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    event.clear()
