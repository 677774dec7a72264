"""Several workers on one port: starts them, starts them again, stops them, adds their metrics up.

Knows processes. A worker that dies takes its own connections with it and no other's; the kernel
gives new connections to those that live.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from argosy.gateway.standalone.exposition import WorkersCollector
from argosy.kit import http
from argosy.kit.addresses import HostPort
from argosy.kit.lifecycle import Runtime
from argosy.kit.processes import free_port, spawn
from argosy.kit.retry import backoff
from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from argosy.gateway.settings import TrafficSettings

_log = logging.getLogger(__name__)

# On top of the drain's grace: what a worker needs to close everything else.
_STOP_SECONDS: Final = 5.0
# One that lived this long is started again at once if it dies.
_STABLE_SECONDS: Final = 30.0
_READY_SECONDS: Final = 1.0


class Workers:
    """The workers of one gateway. Each is this program again, with an address of its own."""

    def __init__(self, path: Path, count: int, runtime: Runtime[TrafficSettings]) -> None:
        self.addresses: Sequence[HostPort] = [
            HostPort("127.0.0.1", free_port()) for _ in range(count)
        ]
        self._path = path
        # One project has one salt in all workers, or they could not share an engine's cache.
        self._environment = {
            "ARGOSY_CACHE_SALT_SECRET": secrets.token_hex(32),
            "ARGOSY_LIMITS_FILE": str(_limits_file(runtime)),
            **os.environ,
        }
        self._clock = runtime.clock
        self._grace = runtime.settings.drain_grace_seconds + _STOP_SECONDS
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = False
        self._restarts = Counter(
            "argosy_gateway_worker_restarts",
            "Workers that were started again after they ended.",
            registry=runtime.metrics,
        )
        Gauge("argosy_gateway_workers", "Workers that run.", registry=runtime.metrics).set_function(
            lambda: float(len(self._running))
        )
        runtime.metrics.register(WorkersCollector(self.addresses))

    async def keep(self, index: int) -> None:
        """Keep one worker running until `drain`; a cancellation kills it."""
        delays = backoff(base=0.2, cap=5.0)
        while True:
            begun = self._clock.monotonic()
            process = await spawn(
                [
                    sys.executable, "-m", "argosy.gateway.standalone",
                    "--config", str(self._path), "--health", str(self.addresses[index]),
                ],
                env=self._environment,
                stdout=None,  # both go where ours go
                stderr=None,
                death_signal=signal.SIGTERM,
            )  # fmt: skip
            self._running[index] = process
            try:
                status = await process.wait()
            finally:
                _signal(process, signal.SIGKILL)
                del self._running[index]
            if self._stopping:
                return
            self._restarts.inc()
            _log.error("a worker ended", extra={"worker": index, "status": status})
            if self._clock.monotonic() - begun > _STABLE_SECONDS:
                delays = backoff(base=0.2, cap=5.0)
            await asyncio.sleep(next(delays))

    async def ready(self) -> str | None:
        """Tell what is missing until every worker is ready."""
        answers = await asyncio.gather(
            *(asyncio.to_thread(_is_ready, address) for address in self.addresses)
        )
        missing = answers.count(False)
        return f"{missing} of {len(answers)} workers are not ready." if missing else None

    def read_again(self) -> None:
        """Have every worker read the configuration again."""
        for process in self._running.values():
            _signal(process, signal.SIGHUP)

    async def drain(self) -> None:
        """Stop all workers at the same time; return when none is left."""
        self._stopping = True
        running = list(self._running.values())
        for process in running:
            _signal(process, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace):
                for process in running:
                    await process.wait()
        for process in running:
            _signal(process, signal.SIGKILL)


async def compose_workers(path: Path, count: int, runtime: Runtime[TrafficSettings]) -> None:
    """Build the parent: no requests pass through it."""
    # The workers share the port with anyone who shares it; whoever has it already is found here.
    http.bound(runtime.settings.bind).close()
    workers = Workers(path, count, runtime)
    runtime.health.check("workers", workers.ready)
    runtime.on_stop(workers.drain)
    for index in range(count):
        runtime.background(workers.keep(index), f"worker {index}")
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, workers.read_again)
    runtime.resources.callback(loop.remove_signal_handler, signal.SIGHUP)


def _limits_file(runtime: Runtime[TrafficSettings]) -> Path:
    """Return where workers find a file that goes with the last of its processes."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("argosy-limits")
        runtime.resources.callback(os.close, fd)
        return Path(f"/proc/{os.getpid()}/fd/{fd}")
    folder = tempfile.TemporaryDirectory(prefix="argosy-")
    return Path(runtime.resources.enter_context(folder)) / "limits"


def _signal(process: asyncio.subprocess.Process, which: signal.Signals) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(which)


def _is_ready(address: HostPort) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=_READY_SECONDS) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
