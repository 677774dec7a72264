"""The gateway's ASGI application: two routes are the lane's, the rest is the inner application's.

Knows the door: which requests are whose, and that none comes in once it is closed.
"""

from __future__ import annotations

from argosy.gateway.errors import Draining, render
from argosy.gateway.lane.body import ASGIApp, Receive, Scope, Send
from argosy.gateway.lane.drain import DRAINING, Drain
from argosy.gateway.lane.exchange import Exchange, Rooms, new_request_id
from argosy.gateway.lane.request import BY_PATH


class Lane:
    """Serve this with uvicorn. `inner` gets every request that is not a completion."""

    def __init__(self, inner: ASGIApp, rooms: Rooms, drain: Drain) -> None:
        self._inner = inner
        self._rooms = rooms
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        if self._drain.closed:
            status, headers, body = render(Draining(DRAINING))
            headers.append((b"x-request-id", new_request_id().encode()))
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        operation = BY_PATH.get(scope["path"]) if scope["method"] == "POST" else None
        with self._drain.tracked() as active:
            if operation is None:
                await self._inner(scope, receive, send)
            else:
                await Exchange(self._rooms, operation, active).run(scope, receive, send)
