"""What uvicorn makes for each connection, in a size that thousands of them can have.

Knows uvicorn's names for these things. Does not know when reading or writing stops.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar

from uvicorn.protocols.http.flow_control import FlowControl

T = TypeVar("T")


class Flow(FlowControl):
    """uvicorn's, with its event made when a client is slow for the first time."""

    __slots__ = ()

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.read_paused = False
        self.write_paused = False

    def pause_writing(self) -> None:
        if not self.write_paused:
            self._is_writable_event = asyncio.Event()
        super().pause_writing()


class Line(list[T]):
    """What takes the place of a deque where there is seldom more than one: 56 bytes, not 760."""

    __slots__ = ()

    def appendleft(self, item: T) -> None:
        """Put something at the end of the line."""
        self.insert(0, item)

    def popleft(self) -> T:
        """Take what came last."""
        return self.pop(0)
