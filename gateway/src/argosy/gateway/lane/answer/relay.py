"""Passes an engine's answer to the client and counts what was course.

Bytes go from the engine's connection to the client's in one call, without a task in between. Knows
both ends' pace: the slower one decides. Does not know how the answer was found, or how an error is
written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import msgspec
from argosy.gateway.engines.failures import EngineError
from argosy.gateway.errors import EngineFailed, UpstreamMalformed
from argosy.gateway.lane.answer import chunk
from argosy.gateway.lane.answer.answer import Answer
from argosy.gateway.lane.answer.names import Renamed
from argosy.gateway.lane.answer.sse import StreamScanner
from argosy.gateway.lane.connection.inbound import Inbound
from argosy.gateway.lane.dispatch.refusal import clean, public
from argosy.gateway.lane.record import Course, delivered
from argosy.gateway.lane.request.completion import CompletionRequest
from argosy.gateway.steps import Signal
from argosy.kit.errors import Internal

_log = logging.getLogger(__name__)

# Pieces of text after which a request's place in the journal is told its count again.
_TELL_EVERY: Final = 8
_NEVER: Final = 1 << 62
_EVENTS: Final = b"content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"


def relay_whole(
    answer: Answer, inbound: Inbound, headers: bytes, course: Course, name: str
) -> bytes:
    """Return an answer that came in one piece, `name` being the client's for the model.

    Raises UpstreamMalformed if it is not JSON.
    """
    body = answer.first
    try:
        course.usage = chunk.whole.decode(body).usage
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamMalformed(
            "The model's engine sent an answer that cannot be read. Try again."
        ) from error
    if answer.engine_name != name:
        body = Renamed(answer.engine_name, name)(body)
    if course.keeping is not None:
        course.keeping.take(body)
    return inbound.answer(200, b"%bcontent-type: %b\r\n" % (headers, answer.content_type), body)


async def relay_stream(
    answer: Answer,
    inbound: Inbound,
    headers: bytes,
    course: Course,
    request: CompletionRequest,
    *,
    between_tokens: float,
    clock: Callable[[], float],
) -> bytes:
    """Send a stream event by event; return its last bytes, which are not sent yet.

    Raises an ApiError if it does not end as it should.
    """
    counts = answer.replica.dialect.tells_counts and not request.wants_counts
    scanner = StreamScanner(hide_usage=not request.wants_usage, hide_counts=counts)
    stream = _Stream(inbound, headers, scanner, course, request, clock)
    # A stream is long: what has been handed on is not kept until its end.
    headers = b""
    if answer.engine_name != request.model:
        stream.renamed = Renamed(answer.engine_name, request.model)
    stream.feed(answer.first)
    if not stream.over:
        answer.push(stream, between_tokens)
        inbound.from_source(answer)
    while not stream.over:
        await stream.done
    error = stream.error
    if isinstance(error, EngineError | EngineFailed | UpstreamMalformed):
        answer.failed(error)
    if isinstance(error, EngineError):
        raise public(error) from error
    if error is not None:
        raise error
    return inbound.ending(stream.rest) if course.started else stream.all_of_it()


class _Stream:
    """Takes an engine's bytes and sends them on until it is `over`; `error` tells how it ended."""

    __slots__ = (
        "_clock", "_course", "_headers", "_inbound", "_request", "_scanner", "_tell_at", "done",
        "error", "over", "renamed", "rest",
    )  # fmt: skip

    def __init__(
        self,
        inbound: Inbound,
        headers: bytes,
        scanner: StreamScanner,
        course: Course,
        request: CompletionRequest,
        clock: Callable[[], float],
    ) -> None:
        self.done = Signal()
        self.over = False
        self.error: Exception | None = None
        # What passed the scanner last, once the stream is complete.
        self.rest = b""
        self.renamed: Renamed | None = None
        self._inbound = inbound
        self._headers = headers
        self._scanner = scanner
        self._course = course
        course.scanner = scanner
        self._request = request
        self._tell_at = 1
        self._clock = clock

    def feed(self, data: bytes, chunk: bytes = b"") -> None:
        """Take the engine's next bytes, see `Sink`."""
        try:
            if not self.over:
                self._pass(data, chunk)
        except Exception as error:  # noqa: BLE001 - it must reach the task that waits
            _log.error("relay failed", exc_info=error)
            self._end(Internal("The server had an error. Try again."))

    def ended(self, error: EngineError | None) -> None:
        """The engine's answer is over; a complete stream has ended before."""
        self._end(
            error
            or UpstreamMalformed(
                "The model's engine ended its answer before it was complete. Try again."
            )
        )

    def all_of_it(self) -> bytes:
        """Return the whole stream, of which nothing was sent yet."""
        self._course.started = True
        return self._inbound.opening(self._headers + _EVENTS) + self._inbound.ending(self.rest)

    def _pass(self, data: bytes, chunk: bytes) -> None:
        scanner, course = self._scanner, self._course
        passed = scanner.feed(data)
        if self.renamed is not None:
            passed = self.renamed(passed)
        if course.keeping is not None:
            course.keeping.take(passed)
        if scanner.stopped:
            self._stop(passed)
            return
        if not passed:
            return
        if course.started:
            self._inbound.pass_on(passed, chunk if passed is data else b"")
        else:
            self._open(passed)
        course.chunks = scanner.chunks
        if scanner.chunks >= self._tell_at:
            self._tell(scanner.chunks)

    def _tell(self, chunks: int) -> None:
        """Note when the first piece came, and have the journal know now and then."""
        course = self._course
        if course.first_token_at is None:
            course.first_token_at = self._clock()
        if course.place is None:
            self._tell_at = _NEVER
        else:
            self._tell_at = chunks + _TELL_EVERY
            course.place.tell(*delivered(self._request, self._scanner, chunks))

    def _open(self, passed: bytes) -> None:
        self._course.started = True
        head = self._inbound.opening(self._headers + _EVENTS)
        self._headers = b""
        self._inbound.write(head + self._inbound.framed(passed))

    def _stop(self, passed: bytes) -> None:
        scanner, course = self._scanner, self._course
        course.usage = scanner.usage
        course.chunks = scanner.chunks
        if course.first_token_at is None and scanner.chunks:
            course.first_token_at = self._clock()
        if scanner.finished:
            self.rest = passed
            self._end(None)
            return
        if passed and course.started:
            self._inbound.pass_on(passed)
        elif passed:
            self._open(passed)
        if scanner.error is not None:
            self._end(EngineFailed(clean(scanner.error) or "The model's engine failed. Try again."))
        else:
            self.ended(None)

    def _end(self, result: Exception | None) -> None:
        if not self.over:
            self._course.usage = self._scanner.usage
            self.over = True
            self.error = result
            self.done.set()
