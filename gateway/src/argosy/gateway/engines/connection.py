"""One HTTP/1.1 connection to an engine: a request, its answer, the next request.

Knows bytes, deadlines and back-pressure. The body of an answer is read piece by piece, or gathered
whole, or pushed into a sink as it arrives, which costs no wake-up of a task for each piece. While
nobody takes an answer, at most `_HIGH` bytes of it wait here and then the socket is no longer read.
Does not know which engine it speaks to.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol, cast

import httptools
from argosy.gateway.engines.failures import (
    ConnectionLost,
    EngineError,
    EngineTimeout,
    MalformedAnswer,
)

_HIGH: Final = 256 * 1024


class Sink(Protocol):
    """Where a pushed answer goes. Neither method may wait or raise."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body."""

    def ended(self, error: EngineError | None) -> None:
        """The body is complete, or `error` ended it. Called once; nothing follows."""


class Connection(asyncio.Protocol):
    """Use by one task at a time: `send`, `head`, then `read` until b"", `whole` or `push`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # The loop's time, which deadlines are in.
        self.now = loop.time
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._error: EngineError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._expiry = 0.0
        self._paused = False
        self._begin()
        self._complete = True
        self.requests = 0

    def _begin(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self._headers_done = False
        self._complete = False
        self._keep_alive = False
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._most = _HIGH
        self._gathering = False
        self._sink: Sink | None = None
        self._silence = 0.0
        self._heard = 0.0

    # What the owner does

    @property
    def reusable(self) -> bool:
        """True if the last answer was read to its end and the engine keeps the connection."""
        return (
            self._complete
            and self._error is None
            and not self._chunks
            and (self._keep_alive or self.requests == 0)
            and self._transport is not None
            and not self._transport.is_closing()
        )

    @property
    def untouched(self) -> bool:
        """True if no byte of an answer to the last request has come."""
        return not self._headers_done and self.status == 0

    def send(self, request: bytes) -> None:
        """Write a whole request. Raises ConnectionLost if the connection is closed."""
        if self._error is not None or self._transport is None or self._transport.is_closing():
            raise self._error or ConnectionLost("The connection is closed.")
        self._begin()
        self.requests += 1
        self._transport.write(request)

    async def head(self, deadline: float) -> None:
        """Wait for status and headers until the loop's time `deadline`."""
        while not self._headers_done:
            await self._wait(deadline)

    async def read(self, deadline: float) -> bytes:
        """Return the next bytes of the body, as many as there are; b"" at its end."""
        while not self._chunks:
            if self._complete:
                return b""
            await self._wait(deadline)
        data = self._take()
        self.resume()
        return data

    async def whole(self, deadline: float, most: int) -> bytes:
        """Return the rest of the body. Raises MalformedAnswer if it is larger than `most` bytes."""
        self._gathering = True
        self._most = most
        self.resume()
        while not self._complete:
            if self._buffered > most:
                self._too_large()
            await self._wait(deadline)
        if self._buffered > most:
            self._too_large()
            raise self._error or ConnectionLost("The connection is closed.")
        return self._take()

    def push(self, sink: Sink, silence: float) -> None:
        """Hand what is here, and all that follows, to `sink`.

        `ended` gets EngineTimeout once nothing came for `silence` seconds, unless it is paused.
        """
        if self._chunks:
            sink.feed(self._take())
        if self._complete or self._error is not None:
            sink.ended(self._error)
            return
        self._sink = sink
        self._silence = silence
        self._heard = self.now()
        self._arm(self._heard + silence)
        self.resume()

    def pause(self) -> None:
        """Stop reading: whoever gets the answer does not take it."""
        if not self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._heard = self.now()
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once; an engine takes this as the client's disconnect."""
        self._sink = None
        self._disarm()
        if self._transport is not None:
            self._transport.abort()

    def _take(self) -> bytes:
        chunks = self._chunks
        self._chunks = []
        self._buffered = 0
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _too_large(self) -> None:
        self._fail(MalformedAnswer(f"The engine's answer is larger than {self._most} bytes."))
        self.abort()

    # Waiting; one timer serves many waits: it looks at the newest deadline when it fires

    async def _wait(self, deadline: float) -> None:
        if self._error is not None:
            raise self._error
        self._arm(deadline)
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _arm(self, deadline: float) -> None:
        self._expiry = deadline
        if self._timer is None or self._timer_at > deadline:
            self._disarm()
            self._timer_at = deadline
            self._timer = self._loop.call_at(deadline, self._expire)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        if self._sink is not None:
            now = self.now()
            self._expiry = (now if self._paused else self._heard) + self._silence
        elif self._waiter is None or self._waiter.done():
            return
        if self.now() < self._expiry:
            self._arm(self._expiry)
            return
        error = EngineTimeout("The engine was silent for too long.")
        if self._sink is not None:
            self._fail(error)
        elif self._waiter is not None:
            self._waiter.set_exception(error)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: EngineError) -> None:
        if self._error is None:
            self._error = error
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(self._error)
        self._finish_push(self._error)

    def _finish_push(self, error: EngineError | None) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.ended(error)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # TCP's; uvloop's has its methods but not its base class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._complete:
            self._unasked()
        try:
            if self._error is None:
                self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(MalformedAnswer(f"The engine's answer is not HTTP: {error}"))
            self.abort()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        if self._complete:
            self._error = self._error or ConnectionLost("The connection is closed.")
            return
        if self._headers_done and self._ends_at_close():
            self._complete = True
            self._wake()
            self._finish_push(None)
            return
        self._fail(ConnectionLost("The engine closed the connection."))

    def _ends_at_close(self) -> bool:
        return b"content-length" not in self.headers and b"transfer-encoding" not in self.headers

    def _unasked(self) -> None:
        """Bytes that no request asked for: what follows could be taken for the next answer."""
        self._fail(MalformedAnswer("The engine sent bytes after its answer."))
        self.abort()

    # httptools; a second answer within one read is never looked at

    def on_message_begin(self) -> None:
        if self._complete:
            self._unasked()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._error is None:
            self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        if self._error is not None:
            return
        self.status = self._parser.get_status_code()
        if self.status >= 200:
            self._headers_done = True
            self._wake()

    def on_body(self, body: bytes) -> None:
        if self._error is not None:
            return
        if self._sink is not None:
            self._heard = self.now()
            self._sink.feed(body)
            return
        self._chunks.append(body)
        self._buffered += len(body)
        if self._buffered > self._most:
            if self._gathering:
                self._too_large()
                return
            self.pause()
        if not self._gathering:
            self._wake()

    def on_message_complete(self) -> None:
        if self._error is not None:
            return
        if self.status < 200:
            # 100 Continue and its like precede the answer.
            self.status = 0
            self.headers = {}
            return
        self._complete = True
        self._keep_alive = self._parser.should_keep_alive()
        self._wake()
        self._finish_push(None)
