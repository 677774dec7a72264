"""Reads a request's body within its limits. Knows ASGI; does not know what the body says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from argosy.gateway.errors import BodyTimeout, ClientDisconnected
from argosy.kit.errors import TooLarge

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


async def read_body(
    headers: Iterable[tuple[bytes, bytes]], receive: Receive, *, limit: int, seconds: float
) -> bytes:
    """Return the body. Raises TooLarge, BodyTimeout or ClientDisconnected."""
    for name, value in headers:
        if name == b"content-length" and (not value.isdigit() or int(value) > limit):
            raise _too_large(limit)
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnected("The client went away while sending its request.")
                piece = message.get("body", b"")
                size += len(piece)
                if size > limit:
                    raise _too_large(limit)
                pieces.append(piece)
                if not message.get("more_body", False):
                    return b"".join(pieces)
    except TimeoutError:
        raise BodyTimeout(
            f"The request's body did not arrive within {seconds:g} s. Send it again."
        ) from None


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The request's body is larger than {limit} bytes, the limit of this server. Send less, "
        "for example fewer or shorter messages.",
        code="request_too_large",
    )
