"""The few lines of ASGI that the engine needs. Knows bytes and JSON, no route."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any, Final

import msgspec
from argosy.engine.errors import BadRequest, EngineError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Seconds of silence in a stream: clients, and the gateway, take a longer one for a death.
_PATIENCE: Final = 10.0
_JSON: Final = b"application/json"
_EVENTS: Final = b"text/event-stream; charset=utf-8"


async def read(receive: Receive, limit: int) -> bytes:
    """Return a request's whole body; raises BadRequest if it is over `limit` bytes."""
    pieces: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise BadRequest(f"The body is over the limit of {limit} bytes.")
        pieces.append(piece)
        more = message.get("more_body", False)
    return b"".join(pieces)


async def disconnected(receive: Receive) -> None:
    """Return when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_json(send: Send, status: int, value: Any) -> None:
    """Send a whole answer."""
    headers = [(b"retry-after", b"1")] if status == 503 else []
    await send_bytes(send, status, msgspec.json.encode(value), _JSON, headers)


async def send_bytes(
    send: Send,
    status: int,
    body: bytes,
    kind: bytes = b"text/plain; charset=utf-8",
    headers: list[tuple[bytes, bytes]] | None = None,
) -> None:
    """Send a whole answer of any kind."""
    head = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def send_events(send: Send, events: AsyncGenerator[bytes, None]) -> None:
    """Send server-sent events, each the data of one. The head goes out with the first.

    While nothing comes, a comment tells that somebody is at work: a model may have to be loaded.
    Raises EngineError as long as nothing was sent; after that it is an event, and the last.
    """
    begun = False

    async def out(piece: bytes) -> None:
        nonlocal begun
        if not begun:
            begun = True
            head = [(b"content-type", _EVENTS), (b"cache-control", b"no-cache")]
            await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": piece, "more_body": True})

    while True:
        coming = asyncio.ensure_future(anext(events, None))
        try:
            while not (await asyncio.wait({coming}, timeout=_PATIENCE))[0]:
                await out(b": working\n\n")
            data = await coming
        except EngineError as error:
            if not begun:
                raise
            await out(b"data: " + msgspec.json.encode(error.body()) + b"\n\n")
            data = None
        finally:
            coming.cancel()
            # Whoever closes the events next must find them at rest.
            await asyncio.gather(coming, return_exceptions=True)
        if data is None:
            break
        await out(b"data: " + data + b"\n\n")
    await out(b"data: [DONE]\n\n")
    await send({"type": "http.response.body", "body": b""})
