"""How long a connection's present step may take. Knows time; does not know what the steps are.

One timer serves all deadlines: it is moved only when one comes nearer, and looks at the newest when
it fires. A request costs no timer of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

_NEVER: Final = float("inf")


def _nothing() -> None:
    """Do nothing."""


class Patience:
    """One deadline at a time, in the loop's time; `over` is called once when it has passed."""

    __slots__ = ("_expiry", "_fires_at", "_loop", "_over", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, over: Callable[[], None]) -> None:
        self._loop = loop
        self._over = over
        self._expiry = _NEVER
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = _NEVER

    def within(self, seconds: float) -> None:
        """Let the present step take `seconds` from now."""
        self.until(self._loop.time() + seconds)

    def until(self, expiry: float) -> None:
        """Let the present step take until `expiry`."""
        self._expiry = expiry
        if expiry < self._fires_at:
            if self._timer is not None:
                self._timer.cancel()
            self._fires_at = expiry
            self._timer = self._loop.call_at(expiry, self._fire)

    def forever(self) -> None:
        """Let the present step take its time: somebody else watches it."""
        self._expiry = _NEVER

    def cancel(self) -> None:
        """Never call `over` again."""
        self._expiry = _NEVER
        self._over = _nothing
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        self._fires_at = _NEVER
        if self._expiry == _NEVER:
            return
        if self._loop.time() < self._expiry:
            self.until(self._expiry)
            return
        self._expiry = _NEVER
        self._over()
