"""Time that a test moves on by hand, so that what it measures does not depend on the machine.

Knows no tokens and no requests: whoever waits, waits for the next tick.
"""

from __future__ import annotations

import asyncio


class HandClock:
    """One tick lets all go that wait at that moment."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def waiting(self) -> int:
        """How many wait for the next tick."""
        return sum(not one.done() for one in self._waiting)

    async def tick_comes(self) -> None:
        """Wait for the next tick."""
        tick: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(tick)
        await tick

    def tick(self) -> None:
        """Let all go."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)
