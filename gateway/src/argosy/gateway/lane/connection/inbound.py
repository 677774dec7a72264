"""One request of the lane on its client's connection: what it says, and the way back.

Knows HTTP/1.1 bodies and answers: what is framed, when the connection is kept, what happens to a
body that nobody wants any more. Does not know what is asked, nor what an answer means. The exchange
reads from it and writes to it; `protocol.py` fills it and starts the next one when it is finished.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from argosy.gateway.lane.connection.head import Head
from argosy.gateway.steps import Signal
from argosy.kit.errors import ApiError, TooLarge

if TYPE_CHECKING:
    from argosy.gateway.lane.connection.protocol import LaneProtocol

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK: Final = b"0\r\n\r\n"


class Source(Protocol):
    """Where an answer comes from: it is slowed down to the client's pace."""

    def pause(self) -> None:
        """Send nothing for now."""

    def resume(self) -> None:
        """Go on."""


class _Unheard:
    """uvicorn's way to wake an application, which the lane does not have."""

    def set(self) -> None:
        """Wake nobody."""


class Inbound:
    """A request under way. The names up to `message_event` are uvicorn's for such a thing."""

    message_event: ClassVar = _Unheard()

    __slots__ = (
        "_arrived", "_connection", "_pieces", "_refusal", "_size", "_transport", "begun", "body",
        "complete", "disconnected", "head", "keep_alive", "operation", "response_complete",
        "source",
    )  # fmt: skip

    def __init__(self, connection: LaneProtocol, head: Head) -> None:
        self.response_complete = False
        self.disconnected = False
        self.keep_alive = head.keep_alive
        self.operation = head.operation
        self.head = head
        # The loop's time at which it arrived.
        self.begun = connection.loop.time()
        self.complete = False
        self.body = b""
        # Set while an answer is passed on.
        self.source: Source | None = None
        self._connection = connection
        self._transport = connection.transport
        self._pieces: list[bytes] = []
        self._size = 0
        self._refusal: ApiError | None = None
        self._arrived: Signal | None = None

    @property
    def peer(self) -> str:
        """The client's address, without the port."""
        return self._connection.peer

    # What the connection tells

    def announced(self, length: int) -> None:
        """The body will have `length` bytes."""
        if length > self._most:
            self._refusal = too_large(self._most)

    def take(self, piece: bytes) -> None:
        """Keep a piece of the body, unless it is not wanted any more."""
        if self.response_complete or self._refusal is not None:
            return
        self._size += len(piece)
        if self._size > self._most:
            self._refusal = too_large(self._most)
            self._pieces.clear()
            self._wake()
            return
        self._pieces.append(piece)

    def whole(self) -> None:
        """The body is complete."""
        self.complete = True
        pieces = self._pieces
        self.body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._wake()

    def came_whole(self, body: bytes) -> None:
        """The body is here, and within the limit."""
        self.complete = True
        self.body = body

    @property
    def _most(self) -> int:
        return self._connection.lane.rooms.limits.max_body_bytes

    def _wake(self) -> None:
        if self._arrived is not None:
            self._arrived.set()

    # Reading

    async def read_body(self) -> bytes:
        """Wait for the body. Raises TooLarge; one that does not come is the connection's affair."""
        if not self.complete and self._refusal is None:
            if self.head.expects_continue:
                self.write(_CONTINUE)
            self._arrived = Signal()
            await self._arrived
        if self._refusal is not None:
            raise self._refusal
        return self.body

    # Writing

    def answer(self, status: int, headers: bytes, body: bytes) -> bytes:
        """Return a whole answer. `headers` are lines; the body's length is added here."""
        return b"%b%bcontent-length: %d\r\n%b\r\n%b" % (
            self._start(status),
            headers,
            len(body),
            self._closing(),
            body,
        )

    def opening(self, headers: bytes) -> bytes:
        """Return the head of a stream."""
        framing = b"transfer-encoding: chunked\r\n" if self.head.chunked else b""
        return b"%b%b%b%b\r\n" % (self._start(200), headers, framing, self._closing())

    def framed(self, data: bytes) -> bytes:
        """Return a piece of a stream as it is sent."""
        return b"%x\r\n%b\r\n" % (len(data), data) if self.head.chunked else data

    def pass_on(self, data: bytes, chunk: bytes = b"") -> None:
        """Send a piece of a stream; a client that is gone gets none.

        `chunk` is the same as one chunk of HTTP, from an engine that sent it so.
        """
        if not self.disconnected:
            if self.head.chunked:
                data = chunk or b"%x\r\n%b\r\n" % (len(data), data)
            self._transport.write(data)

    def ending(self, data: bytes) -> bytes:
        """Return the last piece of a stream, which may be empty, and the stream's end."""
        piece = self.framed(data) if data else b""
        return piece + _LAST_CHUNK if self.head.chunked else piece

    def write(self, data: bytes) -> None:
        """Send bytes; a client that is gone gets none."""
        if not self.disconnected:
            self._transport.write(data)

    def finish(self, data: bytes) -> None:
        """Send the last bytes of the answer."""
        self.source = None
        if not self.disconnected:
            self._transport.write(data)
        self.response_complete = True

    def abort(self) -> None:
        """Cut the connection."""
        self._connection.transport.abort()

    def from_source(self, source: Source) -> None:
        """Slow `source` down whenever the client is slow."""
        self.source = source
        if self._connection.flow.write_paused:
            source.pause()

    def _start(self, status: int) -> bytes:
        connection = self._connection
        return connection.lane.heads.start(status, connection.server_state.default_headers)

    def _closing(self) -> bytes:
        # A body that was not read to its end is read and dropped for a while, then cut off.
        if self.keep_alive and self.complete:
            return b""
        self.keep_alive = False
        return b"connection: close\r\n"


def too_large(limit: int) -> TooLarge:
    """Return the error for a body beyond the limit."""
    return TooLarge(
        f"The request's body is larger than {limit} bytes, the limit of this server. Send less, "
        "for example fewer or shorter messages.",
        code="request_too_large",
    )
