"""One HTTP/1.1 connection to an engine: a request, its answer, the next request.

Knows bytes, deadlines and back-pressure: while nobody reads an answer, at most `_HIGH` bytes of it
wait here and then the socket is no longer read. Does not know which engine it speaks to.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

import httptools
from argosy.gateway.engines.failures import (
    ConnectionLost,
    EngineError,
    EngineTimeout,
    MalformedAnswer,
)

_HIGH: Final = 256 * 1024
_LOW: Final = 64 * 1024


class Connection(asyncio.Protocol):
    """Use by one task at a time: `send`, `head`, `read` until b"", then again or `abort`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._error: EngineError | None = None
        self._timer: asyncio.TimerHandle | None = None
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

    # What the owner does

    @property
    def reusable(self) -> bool:
        """True if the last answer was read to its end and the engine keeps the connection."""
        return (
            self._error is None
            and self._complete
            and not self._chunks
            and self._transport is not None
            and not self._transport.is_closing()
            and (self.requests == 0 or self._keep_alive)
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
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._chunks = []
        self._buffered = 0
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()
        return data

    def abort(self) -> None:
        """Close at once; an engine takes this as the client's disconnect."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self, deadline: float) -> None:
        if self._error is not None:
            raise self._error
        self._expiry = deadline
        # One timer serves many waits: it looks at the newest deadline when it fires.
        if self._timer is None or self._timer.when() > deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(deadline, self._expire)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _expire(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() < self._expiry:
            self._timer = self._loop.call_at(self._expiry, self._expire)
            return
        self._waiter.set_exception(EngineTimeout("The engine was silent for too long."))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: EngineError) -> None:
        if self._error is None:
            self._error = error
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(self._error)

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
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._complete:
            self._error = self._error or ConnectionLost("The connection is closed.")
            return
        if self._headers_done and self._ends_at_close():
            self._complete = True
            self._wake()
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
        self._chunks.append(body)
        self._buffered += len(body)
        if self._buffered > _HIGH and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
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
