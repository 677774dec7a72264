"""The one task of a connection that serves the lane's requests, one after the other.

Knows the task's life: it begins with the connection's first request and ends with the connection.
Does not know how requests come, nor what they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from argosy.gateway.errors import ClientDisconnected
from argosy.gateway.lane.connection.handover import HandOver
from argosy.gateway.lane.connection.inbound import Inbound
from argosy.gateway.lane.connection.patience import Patience
from argosy.gateway.lane.exchange import Exchange
from argosy.kit.errors import ApiError

if TYPE_CHECKING:
    from argosy.gateway.lane.lane import Lane


class Worker:
    """`serving` is the request that is worked on, or is next; None between requests."""

    __slots__ = (
        "_exchange", "_hand_over", "_idle", "_lane", "_lost", "_patience", "_task", "serving",
    )  # fmt: skip

    def __init__(
        self, lane: Lane, patience: Patience, hand_over: Callable[[Inbound], None]
    ) -> None:
        """`hand_over` gets what the ordinary API is to answer."""
        self.serving: Inbound | None = None
        self._lane = lane
        self._patience = patience
        self._hand_over = hand_over
        self._exchange: Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._lost = False

    def start(self, inbound: Inbound, tasks: set[asyncio.Task[None]]) -> None:
        """Serve `inbound` now; the one before is finished. `tasks` keeps account of tasks."""
        self.serving = inbound
        if self._task is None:
            self._task = asyncio.create_task(self._serve(), name="lane connection")
            tasks.add(self._task)
            self._task.add_done_callback(tasks.discard)
        else:
            self._wake()

    def complete(self, inbound: Inbound) -> None:
        """The body of `inbound` is complete: from now on the engine is waited for."""
        if self.serving is inbound and self._exchange is not None:
            self._patience.until(self._exchange.expiry)

    def interrupt(self, error: ApiError) -> None:
        """End the request that is worked on with `error`."""
        if self._exchange is not None:
            self._exchange.interrupt(error)

    def expire(self) -> bool:
        """End the request that is worked on for its slowness; False if there is none."""
        if self._exchange is None:
            return False
        self._exchange.expire()
        return True

    def lost(self) -> None:
        """The client is gone: end the request, and the task."""
        self._lost = True
        if self.serving is not None:
            self.serving.disconnected = True
        self.interrupt(ClientDisconnected("The client went away."))
        self._wake()

    def _wake(self) -> None:
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    async def _serve(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine of a task
        loop = asyncio.get_running_loop()
        while not self._lost:
            inbound = self.serving
            if inbound is None:
                self._idle = loop.create_future()
                await self._idle
                self._idle = None
                continue
            exchange = self._exchange = Exchange(self._lane.rooms, self._lane.drain, inbound, task)
            self._patience.until(exchange.expiry)
            try:
                await exchange.run()
            except HandOver:
                self.serving = None
                self._hand_over(inbound)
            except BaseException:
                # Nobody would serve this connection any more.
                inbound.abort()
                raise
            finally:
                self._exchange = None
