"""Which requests begin now and which a moment later: answers do not wait behind new requests.

One turn of the event loop takes in all that has come, from clients and from engines, in no order.
When much has come, the requests beyond the first few only line up; they begin after the loop has
looked at its sockets again, so that an engine that is done is free for the next request at once.
Knows turns and lines. Does not know what a request is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Protocol

# About 2 ms of work.
_MOST: Final = 32


class Beginner(Protocol):
    """Somebody with a request to begin."""

    def begin(self) -> None:
        """Begin it."""


class Turn:
    """How many may begin before the loop looks at its sockets again, and the line behind them."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        # Not told when a turn ends: that costs a callback in each. Whoever comes after the last
        # one that may waits for the next turn, which is at once if there is nothing else to do.
        self._left = most
        self._line: deque[Beginner] = deque()

    def takes(self, beginner: Beginner, loop: asyncio.AbstractEventLoop) -> bool:
        """Tell whether it may begin now; if not, it is told to later."""
        if self._left:
            self._left -= 1
            return True
        if not self._line:
            loop.call_soon(self._begin_some, loop)
        self._line.append(beginner)
        return False

    def _begin_some(self, loop: asyncio.AbstractEventLoop) -> None:
        line = self._line
        begun = min(self._most, len(line))
        for _ in range(begun):
            line.popleft().begin()
        if line:
            loop.call_soon(self._begin_some, loop)
        else:
            self._left = self._most - begun
