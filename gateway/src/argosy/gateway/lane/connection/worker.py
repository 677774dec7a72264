"""Serves the lane's requests of one connection, one after the other.

A request runs in the callbacks that bring its bytes and its engine's: no task is made for it.
Knows when the next one may begin. Does not know how requests come, nor what they are.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from argosy.gateway.errors import ClientDisconnected
from argosy.gateway.lane.connection.handover import HandOver
from argosy.gateway.lane.connection.inbound import Inbound
from argosy.gateway.lane.connection.patience import Patience
from argosy.gateway.lane.exchange import Exchange
from argosy.gateway.steps import Steps
from argosy.kit.errors import ApiError

if TYPE_CHECKING:
    from argosy.gateway.lane.connection.protocol import LaneProtocol
    from argosy.gateway.lane.lane import Lane

_log = logging.getLogger(__name__)


class Worker:
    """`serving` is the request that is worked on, or is next; None between requests."""

    __slots__ = (
        "_beginning", "_connection", "_exchange", "_lane", "_loop", "_lost", "_patience", "_steps",
        "serving",
    )  # fmt: skip

    def __init__(
        self,
        lane: Lane,
        loop: asyncio.AbstractEventLoop,
        patience: Patience,
        connection: LaneProtocol,
    ) -> None:
        """`connection` is told of each answer, and gets what the ordinary API answers."""
        self.serving: Inbound | None = None
        self._lane = lane
        self._loop = loop
        self._patience = patience
        self._connection: LaneProtocol | None = connection
        self._steps = Steps(self._ended)
        self._exchange: Exchange | None = None
        self._beginning = False
        self._lost = False

    def start(self, inbound: Inbound) -> None:
        """Serve `inbound` now, or in a moment; the one before is finished."""
        self.serving = inbound
        # Where the one before was answered at once and is still on the stack, `begin` goes on.
        if not self._beginning and self._lane.turn.takes(self, self._loop):
            self.begin()

    def begin(self) -> None:
        """Begin what is to be served, and what follows as long as it is answered at once."""
        self._beginning = True
        try:
            while self.serving is not None and self._exchange is None and not self._lost:
                lane = self._lane
                exchange = Exchange(lane.rooms, lane.drain, self.serving, self._steps)
                self._exchange = exchange
                self._patience.until(exchange.expiry)
                self._steps.start(exchange.run())
        finally:
            self._beginning = False

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
        """The client is gone: end the request."""
        self._lost = True
        if self.serving is not None:
            self.serving.disconnected = True
        self.interrupt(ClientDisconnected("The client went away."))
        self._part()

    def _part(self) -> None:
        """Let go of the connection and the steps, once there is nothing left to do for it.

        They refer to this: what refers to each other stays until the collector finds it.
        """
        if self._lost and self._exchange is None:
            self._connection = None
            self._steps.close()

    def _ended(self, error: BaseException | None) -> None:
        inbound, self.serving, self._exchange = self.serving, None, None
        connection = self._connection
        if inbound is None or connection is None:
            return
        if error is None:
            connection.answered(inbound)
        elif isinstance(error, HandOver):
            connection.hand_over(inbound)
        else:
            # Whatever could not even be answered.
            _log.error("request broke off", exc_info=error)
            inbound.abort()
        self._part()
