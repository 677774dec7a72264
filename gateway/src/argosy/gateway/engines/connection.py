"""One HTTP/1.1 connection to an engine: a request, its answer, the next request.

Knows bytes, deadlines and back-pressure. The body of an answer is read piece by piece, or gathered
whole, or pushed into a sink as it arrives. While nobody takes an answer, at most `_HIGH` bytes of
it wait here and then the socket is no longer read. Whoever waits goes on when a read has been taken
in as a whole, never amid it. Does not know which engine it speaks to.
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
from argosy.gateway.engines.framing import whole_chunk
from argosy.gateway.familiar import Familiar
from argosy.gateway.steps import Signal

_HIGH: Final = 256 * 1024


class Sink(Protocol):
    """Where a pushed answer goes. Neither method may wait or raise."""

    def feed(self, data: bytes, chunk: bytes = b"") -> None:
        """Take the body's next bytes; `chunk` is them as one chunk of HTTP, if they came so."""

    def ended(self, error: EngineError | None) -> None:
        """The body is complete, or `error` ended it. Called once; nothing follows."""


class Connection:
    """Use by one request at a time: `send`, `head`, then `read` until b"", `whole` or `push`.

    What asyncio calls a protocol, without its base class, which would make each attribute slower.
    """

    __slots__ = (
        "_answering", "_between_chunks", "_buffered", "_chunks", "_complete", "_error", "_expiry",
        "_familiar", "_gathering", "_headers_done", "_heard", "_keep_alive", "_late", "_loop",
        "_most", "_parser", "_paused", "_signal", "_silence", "_sink", "_timer", "_timer_at",
        "_transport", "headers", "lost_at", "now", "requests", "status",
    )  # fmt: skip

    def __init__(
        self, loop: asyncio.AbstractEventLoop, familiar: Familiar[dict[bytes, bytes]]
    ) -> None:
        """`familiar` knows the head of this engine's usual answer, as its headers."""
        self._loop = loop
        self._familiar = familiar
        # The loop's time, which deadlines are in.
        self.now = loop.time
        self._transport: asyncio.Transport | None = None
        # Made with the first answer that needs it, and let go of with the connection: it refers to
        # this, and what refers to each other stays until the collector finds it.
        self._parser: httptools.HttpResponseParser | None = None
        self._signal = Signal()
        self._error: EngineError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._expiry = 0.0
        self._late = False
        self._paused = False
        self._silence = 0.0
        self._heard = 0.0
        self._begin()
        self._complete = True
        self.requests = 0
        # The loop's time at which it was closed between two requests, by the engine unless aborted.
        self.lost_at: float | None = None

    def _begin(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        # Any byte of an answer has come.
        self._answering = False
        self._headers_done = False
        # The parser has read a chunk of HTTP to its end, and nothing of the next one.
        self._between_chunks = False
        self._complete = False
        self._keep_alive = False
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._most = _HIGH
        self._gathering = False
        self._sink: Sink | None = None

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
        """True if no status of an answer to the last request has come."""
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

    def whole_now(self) -> bytes | None:
        """Return the body if all of it is here; else None, and `whole` waits for it."""
        return self._take() if self._complete else None

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
        self._hang_up()

    def _hang_up(self) -> None:
        self._disarm()
        if self._transport is not None:
            self._transport.abort()

    def _take(self) -> bytes:
        chunks = self._chunks
        self._buffered = 0
        if len(chunks) == 1:
            return chunks.pop()
        self._chunks = []
        return b"".join(chunks)

    def _too_large(self) -> None:
        self._fail(MalformedAnswer(f"The engine's answer is larger than {self._most} bytes."))
        self._hang_up()

    # Waiting; one timer serves many waits: it looks at the newest deadline when it fires

    async def _wait(self, deadline: float) -> None:
        if self._error is not None:
            raise self._error
        self._arm(deadline)
        await self._signal
        if self._late:
            self._late = False
            raise EngineTimeout("The engine was silent for too long.")

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
        elif self._signal.wake is None:
            return
        if self.now() < self._expiry:
            self._arm(self._expiry)
        elif self._sink is not None:
            self._fail(EngineTimeout("The engine was silent for too long."))
            self._tell()
        else:
            self._late = True
            self._signal.set()

    def _fail(self, error: EngineError) -> None:
        if self._error is None:
            self._error = error

    def _tell(self) -> None:
        """Let whoever takes the answer have what has come. The connection may be another's then."""
        sink = self._sink
        if sink is None:
            self._signal.set()
            return
        error = self._error
        if not self._complete and error is None:
            if self._chunks:
                sink.feed(self._take())
            return
        self._sink = None
        if self._chunks:
            sink.feed(self._take())
        sink.ended(error)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # TCP's; uvloop's has its methods but not its base class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._answering:
            self._heard = self.now()
            if self._between_chunks and self._sink is not None and self._error is None:
                # Nearly every read of a stream is one chunk: the parser need not see it.
                piece = whole_chunk(data)
                if piece is not None:
                    self._sink.feed(piece, data)
                    return
            self._read(data)
        else:
            self._answering = True
            familiar = self._familiar
            body = None if self._complete else familiar.body(data, _HIGH)
            if body is not None and familiar.meaning is not None:
                self._came_whole(familiar.meaning, body)
                return
            self._read(data)
            if self._complete and self._keep_alive and self._error is None:
                self._learn(data)
        self._tell()

    def _learn(self, data: bytes) -> None:
        """Know the head of a good answer, unless another one preceded it, as 100 Continue does."""
        if self.status == 200 and data.startswith(b"HTTP/1.1 200 "):
            self._familiar.learn(data, self.headers)

    def _came_whole(self, headers: dict[bytes, bytes], body: bytes) -> None:
        """An answer like the last one to the byte, but for its body."""
        self.status = 200
        self.headers = headers
        self._headers_done = self._complete = self._keep_alive = True
        self._chunks.append(body)
        self._signal.set()

    def _read(self, data: bytes) -> None:
        if self._complete:
            self._unasked()
        parser = self._parser
        if parser is None:
            parser = self._parser = httptools.HttpResponseParser(self)
        try:
            if self._error is None:
                parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(MalformedAnswer(f"The engine's answer is not HTTP: {error}"))
            self._hang_up()
        # A part of the next chunk's size, of which no callback tells, does not end like that.
        self._between_chunks = self._between_chunks and data.endswith(b"\r\n")

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        """The engine reads slowly: a request is bounded, and its deadline runs."""

    def resume_writing(self) -> None:
        """It has caught up."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._parser = None
        if self._complete:
            self.lost_at = self.now()
            self._error = self._error or ConnectionLost("The connection is closed.")
            return
        if self._headers_done and self._ends_at_close():
            self._complete = True
        else:
            self._fail(ConnectionLost("The engine closed the connection."))
        self._tell()

    def _ends_at_close(self) -> bool:
        return b"content-length" not in self.headers and b"transfer-encoding" not in self.headers

    def _unasked(self) -> None:
        """Bytes that no request asked for: what follows could be taken for the next answer."""
        self._fail(MalformedAnswer("The engine sent bytes after its answer."))
        self._hang_up()

    # httptools; a second answer within one read is never looked at

    def on_message_begin(self) -> None:
        if self._complete:
            self._unasked()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._error is None:
            self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        parser = self._parser
        if self._error is not None or parser is None:
            return
        self.status = parser.get_status_code()
        self._headers_done = self.status >= 200

    def on_chunk_header(self) -> None:
        self._between_chunks = False

    def on_chunk_complete(self) -> None:
        self._between_chunks = True

    def on_body(self, body: bytes) -> None:
        if self._error is not None:
            return
        self._chunks.append(body)
        if self._sink is not None:
            return
        self._buffered += len(body)
        if self._buffered > self._most:
            if self._gathering:
                self._too_large()
            else:
                self.pause()

    def on_message_complete(self) -> None:
        parser = self._parser
        if self._error is not None or parser is None:
            return
        if self.status < 200:
            # 100 Continue and its like precede the answer.
            self.status = 0
            self.headers = {}
            return
        self._complete = True
        self._keep_alive = parser.should_keep_alive()
