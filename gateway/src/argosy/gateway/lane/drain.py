"""The requests under way, how one is interrupted, and how the process stops taking more.

Knows tasks and reasons. Does not know what a request does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from argosy.gateway.errors import Draining
from argosy.kit.errors import ApiError

DRAINING = "This server is shutting down. Send the request again; another one will take it."


class Active:
    """A request under way, in the task that made this."""

    def __init__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - made inside of a coroutine
        self._task = task
        self._interruptible = False
        self.reason: ApiError | None = None

    def interrupt(self, reason: ApiError) -> None:
        """Make the request end with `reason` wherever it waits; only the first reason counts."""
        if self._interruptible and self.reason is None:
            self.reason = reason
            self._task.cancel()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let the block be interrupted: it then raises the reason. Outside nothing happens."""
        self._interruptible = True
        try:
            yield
        except asyncio.CancelledError:
            if self.reason is None:
                raise
            # The cancellation was our own: it ends here, as the error that it stands for.
            self._task.uncancel()
            raise self.reason from None
        finally:
            self._interruptible = False


class Drain:
    """All requests of the process, and the door that they come in by."""

    def __init__(self) -> None:
        self._active: set[Active] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.closed = False

    @property
    def count(self) -> int:
        """Requests under way."""
        return len(self._active)

    @contextmanager
    def tracked(self) -> Iterator[Active]:
        """Count a request for the time of the block."""
        active = Active()
        self._active.add(active)
        self._empty.clear()
        try:
            yield active
        finally:
            self._active.discard(active)
            if not self._active:
                self._empty.set()

    async def drain(self, grace_seconds: float) -> None:
        """Take no more requests, wait for those under way, end the rest; return when none is left.

        Streams get `grace_seconds` to finish; then each gets an error event and is closed, and
        they are given two more seconds to do so.
        """
        self.closed = True
        if await self._emptied(grace_seconds):
            return
        for active in list(self._active):
            active.interrupt(Draining(DRAINING))
        await self._emptied(2.0)

    async def _emptied(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._empty.wait(), seconds)
        except TimeoutError:
            return False
        return True
