"""The gateway's front door: which requests are the lane's, and that none comes in once it closes.

`protocol` makes the connections that uvicorn serves; `__call__` is the ASGI application that they
give everything else to.
"""

from __future__ import annotations

import asyncio
from typing import Any

from argosy.gateway.errors import Draining, render
from argosy.gateway.familiar import Familiar
from argosy.gateway.lane.asgi import ASGIApp, Receive, Scope, Send
from argosy.gateway.lane.connection.head import Head
from argosy.gateway.lane.connection.heads import Heads
from argosy.gateway.lane.connection.protocol import LaneProtocol
from argosy.gateway.lane.drain import DRAINING, Drain
from argosy.gateway.lane.rooms import Rooms
from argosy.gateway.lane.turn import Turn
from uvicorn.config import Config
from uvicorn.server import ServerState


class Lane:
    """Serve this with uvicorn, `http=lane.protocol`. `inner` gets every ordinary request."""

    def __init__(self, inner: ASGIApp, rooms: Rooms, drain: Drain) -> None:
        self.rooms = rooms
        self.drain = drain
        self.heads = Heads()
        self.turn = Turn()
        # The head that a connection learned last: a client sends the same one over all of its.
        self.familiar: Familiar[Head] = Familiar()
        self._inner = inner

    def protocol(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> LaneProtocol:
        """Return the protocol for a new connection."""
        return LaneProtocol(self, config, server_state, app_state, _loop)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        if self.drain.closed:
            status, headers, body = render(Draining(DRAINING))
            headers.append((b"x-request-id", self.rooms.request_ids.new().encode()))
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        with self.drain.tracked():
            await self._inner(scope, receive, send)
