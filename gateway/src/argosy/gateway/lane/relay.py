"""Passes an engine's answer to the client and counts what was delivered.

Knows both ends' pace: it reads the next piece only when the client took the last one. Does not know
how the answer was found, or how an error is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from argosy.gateway.engines.failures import EngineError
from argosy.gateway.errors import EngineFailed, UpstreamMalformed
from argosy.gateway.lane.body import Send
from argosy.gateway.lane.dispatch import Answer, public
from argosy.gateway.lane.refusal import clean
from argosy.gateway.lane.sse import StreamScanner, TokenUsage

Header = tuple[bytes, bytes]


@dataclass(slots=True)
class Delivered:
    """What the client has got so far. `usage` is the engine's count, once it has told."""

    usage: TokenUsage | None = None
    chunks: int = 0
    started: bool = False
    first_token_at: float | None = None


class _Whole(msgspec.Struct):
    usage: TokenUsage | None = None


_whole: Final = msgspec.json.Decoder(_Whole)


async def relay_whole(
    answer: Answer, send: Send, headers: list[Header], delivered: Delivered
) -> None:
    """Send an answer that came in one piece. Raises UpstreamMalformed if it is not JSON."""
    body = answer.first
    try:
        delivered.usage = _whole.decode(body).usage
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamMalformed(
            "The model's engine sent an answer that cannot be read. Try again."
        ) from error
    start = [
        *headers,
        (b"content-type", answer.content_type),
        (b"content-length", b"%d" % len(body)),
    ]
    delivered.started = True
    await send({"type": "http.response.start", "status": 200, "headers": start})
    await send({"type": "http.response.body", "body": body})


async def relay_stream(
    answer: Answer,
    send: Send,
    headers: list[Header],
    delivered: Delivered,
    *,
    hide_usage: bool,
    between_tokens: float,
    clock: Callable[[], float],
) -> None:
    """Send a stream event by event. Raises an ApiError if it does not end as it should."""
    start = [
        *headers,
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-cache"),
    ]
    scanner = StreamScanner(hide_usage=hide_usage)
    data = answer.first
    while data:
        passed = scanner.feed(data)
        delivered.usage = scanner.usage
        if passed:
            if not delivered.started:
                delivered.started = True
                await send({"type": "http.response.start", "status": 200, "headers": start})
            await send({"type": "http.response.body", "body": passed, "more_body": True})
            delivered.chunks = scanner.chunks
            if delivered.first_token_at is None and scanner.chunks:
                delivered.first_token_at = clock()
        if scanner.error is not None:
            raise EngineFailed(clean(scanner.error) or "The model's engine failed. Try again.")
        if scanner.malformed is not None:
            break
        if scanner.finished:
            await send({"type": "http.response.body", "body": b""})
            return
        try:
            data = await answer.read(between_tokens)
        except EngineError as error:
            raise public(error) from error
    raise UpstreamMalformed(
        "The model's engine ended its answer before it was complete. Try again."
    )
