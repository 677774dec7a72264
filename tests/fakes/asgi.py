"""The few lines of ASGI that the fakes need. Knows bytes and JSON, no engine."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def read(receive: Receive) -> bytes:
    """Return a request's whole body."""
    pieces: list[bytes] = []
    more = True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


async def disconnected(receive: Receive) -> None:
    """Return when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_piece(send: Send, data: bytes) -> None:
    """Send a part of a body whose head is out."""
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def send_json(send: Send, status: int, value: Any) -> None:
    """Send a whole answer of JSON."""
    await send_bytes(send, status, json.dumps(value).encode(), b"application/json")


async def send_bytes(send: Send, status: int, body: bytes, kind: bytes = b"text/plain") -> None:
    """Send a whole answer."""
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
