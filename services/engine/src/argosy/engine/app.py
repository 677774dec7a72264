"""The engine's composition root: serves, and builds what computes when a model is first needed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator

import uvicorn
from argosy.engine.artifacts import Artifact
from argosy.engine.asks import Ask, Conversation
from argosy.engine.backend import Backend, Begun, Load
from argosy.engine.http.server import Server
from argosy.engine.names import Names
from argosy.engine.settings import Settings


class Later:
    """A backend that is built when it is first needed: until then there is no torch in memory."""

    def __init__(self, build: Callable[[], Backend]) -> None:
        self._build = build
        self._building: asyncio.Future[Backend] | None = None
        self._backend: Backend | None = None

    async def _ready(self) -> Backend:
        if self._building is None:
            # Importing torch takes seconds: off the loop.
            loop = asyncio.get_running_loop()
            self._building = loop.run_in_executor(None, self._build)
        self._backend = await asyncio.shield(self._building)
        return self._backend

    def forget(self, artifact: Artifact) -> None:
        """Pass on; what was never built holds nothing."""
        if self._backend is not None:
            self._backend.forget(artifact)

    async def begin(self, artifact: Artifact, ask: Ask) -> Begun:
        """Build, and pass on."""
        return await (await self._ready()).begin(artifact, ask)

    async def score(self, artifact: Artifact, conversation: Conversation) -> tuple[float, int]:
        """Build, and pass on."""
        return await (await self._ready()).score(artifact, conversation)

    async def tokens(self, artifact: Artifact, ask: Ask) -> list[list[int]]:
        """Build, and pass on."""
        return await (await self._ready()).tokens(artifact, ask)

    def load(self) -> Load:
        """Pass on."""
        return Load() if self._backend is None else self._backend.load()

    async def close(self) -> None:
        """Pass on."""
        if self._backend is not None:
            await self._backend.close()


def build_compute(settings: Settings) -> Backend:
    """Import torch and build what computes."""
    # No model of ours is fetched from anywhere.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
    from argosy.engine.compute.backend import Compute

    return Compute(settings, settings.memory_bytes or _half_of_memory())


def _half_of_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


class _Server(uvicorn.Server):
    """One that leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing."""
        yield


async def _serve(settings: Settings) -> None:
    backend = Later(lambda: build_compute(settings))
    server = Server(Names(), backend, settings.key, time.time())
    config = uvicorn.Config(
        server, log_config=None, access_log=False, lifespan="off", proxy_headers=False,
        server_header=False, timeout_graceful_shutdown=2, timeout_keep_alive=75,
    )  # fmt: skip
    running = _Server(config)
    loop = asyncio.get_running_loop()
    for which in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(which, setattr, running, "should_exit", True)
    with socket.create_server((settings.host, settings.port), backlog=1024) as listener:
        await running.serve(sockets=[listener])
    await backend.close()


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    logging.basicConfig(
        level=settings.log_level.upper(), stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )  # fmt: skip
    asyncio.run(_serve(settings))
