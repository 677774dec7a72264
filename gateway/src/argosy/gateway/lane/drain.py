"""The requests under way, and how the process stops taking more.

Knows that a request can be interrupted with a reason. Does not know what a request does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from argosy.gateway.errors import Draining
from argosy.kit.errors import ApiError, Unauthenticated

DRAINING = "This server is shutting down. Send the request again; another one will take it."

REVOKED: Final = "This API key was revoked. Ask whoever gave it to you for another one."


class Active(Protocol):
    """A request under way."""

    @property
    def key_id(self) -> str:
        """Whose request it is; empty while that is not known."""

    def interrupt(self, reason: ApiError) -> None:
        """Make the request end with `reason` wherever it waits; only the first reason counts."""


class _Ordinary:
    """A request of the ordinary API: short, so that it is waited for and not interrupted."""

    key_id = ""

    def interrupt(self, reason: ApiError) -> None:
        """Let it end by itself."""


class Drain:
    """All requests of the process, and the door that they come in by."""

    def __init__(self) -> None:
        self._active: set[Active] = set()
        self._emptied: asyncio.Event | None = None
        self.closed = False

    @property
    def count(self) -> int:
        """Requests under way."""
        return len(self._active)

    def entered(self, request: Active) -> None:
        """A request is under way; `left` must follow."""
        self._active.add(request)

    def left(self, request: Active) -> None:
        """A request has ended."""
        self._active.discard(request)
        if self._emptied is not None and not self._active:
            self._emptied.set()

    @contextmanager
    def tracked(self) -> Iterator[None]:
        """Count an ordinary request for the time of the block."""
        request = _Ordinary()
        self.entered(request)
        try:
            yield
        finally:
            self.left(request)

    def revoke(self, key_id: str) -> None:
        """End the requests of a key that was revoked, wherever they are."""
        for request in [r for r in self._active if r.key_id == key_id]:
            request.interrupt(Unauthenticated(REVOKED, code="invalid_api_key"))

    async def drain(self, grace_seconds: float) -> None:
        """Take no more requests, wait for those under way, end the rest; return when none is left.

        Streams get `grace_seconds` to finish; then each gets an error event and is closed, and
        they are given two more seconds to do so.
        """
        self.closed = True
        if await self._empty_within(grace_seconds):
            return
        for request in list(self._active):
            request.interrupt(Draining(DRAINING))
        await self._empty_within(2.0)

    async def _empty_within(self, seconds: float) -> bool:
        emptied = self._emptied = asyncio.Event()
        if not self._active:
            return True
        try:
            async with asyncio.timeout(seconds):
                await emptied.wait()
        except TimeoutError:
            return False
        return True
