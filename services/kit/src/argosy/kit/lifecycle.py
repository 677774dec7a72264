"""The life of a process: set up, run, stop in order.

Knows signals, background tasks and the order of things. A background task that crashes ends the
process with status 1: whoever supervises it starts it anew, in a known state.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import uvloop
from argosy.kit import logs, tracing
from argosy.kit.clock import Clock, SystemClock
from argosy.kit.health import Health, OpsApp
from argosy.kit.http import serving
from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
)

if TYPE_CHECKING:
    from argosy.kit.settings import ServiceSettings

_log = logging.getLogger(__name__)

# A background task that goes on for this long after a cancel is cancelled again.
_CANCEL_SECONDS: Final = 3.0

SettingsT = TypeVar("SettingsT", bound="ServiceSettings")
T = TypeVar("T")


class Runtime(Generic[SettingsT]):
    """What a composition root gets to build on.

    `resources` unwinds after all background tasks have ended; `on_stop` hooks run before that, in
    the order in which they were added, while everything still works.
    """

    def __init__(self, part: str, settings: SettingsT, clock: Clock) -> None:
        self.part = part
        self.settings = settings
        self.clock = clock
        self.health = Health()
        self.metrics = CollectorRegistry()
        self.resources = contextlib.AsyncExitStack()
        self.stopping = asyncio.Event()
        self._hooks: list[Callable[[], Awaitable[None]]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._crashed = False
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.metrics)
        tasks = Gauge("argosy_process_tasks", "Tasks of the event loop.", registry=self.metrics)
        tasks.set_function(lambda: len(asyncio.all_tasks()))

    async def enter(self, manager: contextlib.AbstractAsyncContextManager[T]) -> T:
        """Enter an asynchronous context that lasts as long as the process."""
        return await self.resources.enter_async_context(manager)

    def background(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run `work` until the process stops. If it fails, the process ends."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def on_stop(self, hook: Callable[[], Awaitable[None]]) -> None:
        """Add something to do when the stop begins, for example to drain."""
        self._hooks.append(hook)

    @property
    def exit_status(self) -> int:
        """0 after a stop that was asked for, 1 after a crash."""
        return 1 if self._crashed else 0

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.critical("background task %s failed", task.get_name(), exc_info=error)
            self._crashed = True
            self.stopping.set()

    async def stop(self) -> None:
        """Run the hooks, end the background tasks, release the resources."""
        self.health.stopping()
        for hook in self._hooks:
            await hook()
        # Not once: in Python 3.11 `asyncio.wait_for`, which libraries use, can swallow a cancel
        # that comes together with what it waited for.
        running = list(reversed(self._tasks))
        while running:
            for task in running:
                task.cancel()
            _, pending = await asyncio.wait(running, timeout=_CANCEL_SECONDS)
            running = [task for task in running if task in pending]
        await self.resources.aclose()


async def _live(
    part: str,
    settings: SettingsT,
    main: Callable[[Runtime[SettingsT]], Awaitable[None]],
    clock: Clock,
) -> int:
    runtime = Runtime(part, settings, clock)
    loop = asyncio.get_running_loop()
    for which in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(which, runtime.stopping.set)
    provider = tracing.configure(part, settings)
    try:
        await runtime.enter(serving(OpsApp(runtime.health, runtime.metrics), settings.health_bind))
        # A stop may be asked for while start-up waits for a peer.
        setup = asyncio.ensure_future(main(runtime))
        stop = asyncio.create_task(runtime.stopping.wait())
        await asyncio.wait({setup, stop}, return_when=asyncio.FIRST_COMPLETED)
        if setup.done():
            await setup
            runtime.health.started()
            _log.info("started", extra={"bind": str(settings.bind)})
            await stop
        else:
            setup.cancel()
            await asyncio.gather(setup, return_exceptions=True)
    finally:
        _log.info("stopping")
        await runtime.stop()
        await asyncio.to_thread(provider.shutdown)
    return runtime.exit_status


def run(
    part: str,
    settings: SettingsT,
    main: Callable[[Runtime[SettingsT]], Awaitable[None]],
    clock: Clock | None = None,
) -> int:
    """Run a process until SIGTERM or SIGINT; return its exit status.

    `main` is the composition root: it builds the parts, registers background work and returns.
    """
    logs.configure(part, settings.log_level, exception_texts=settings.log_exception_texts)
    return uvloop.run(_live(part, settings, main, clock or SystemClock()))
