"""What a request has come to, and the note that is taken of it once, at its end.

Knows metrics, the ledger, spans and log lines. Does not know the steps of a request.
"""

from __future__ import annotations

import logging
from typing import Final

from argosy.gateway.access.caller import Caller
from argosy.gateway.access.limits import Reservation
from argosy.gateway.errors import Outcome
from argosy.gateway.lane import timeline
from argosy.gateway.lane.answer.chunk import TokenUsage
from argosy.gateway.lane.answer.sse import StreamScanner
from argosy.gateway.lane.request.completion import CompletionRequest, Operation
from argosy.gateway.lane.rooms import Rooms
from argosy.gateway.lane.storing import Keeping
from argosy.gateway.metering.journal import Place
from argosy.gateway.metering.usage import Usage
from argosy.gateway.served_model import ServedModel
from opentelemetry.trace import Span

_log = logging.getLogger(__name__)

# Ends that the operator hears of without asking.
_TROUBLE: Final = frozenset(
    {
        Outcome.ENGINE_FAILED,
        Outcome.UPSTREAM_DISCONNECTED,
        Outcome.UPSTREAM_MALFORMED,
        Outcome.UPSTREAM_TIMEOUT,
        Outcome.NO_REPLICA,
        Outcome.UNAVAILABLE,
        Outcome.INTERNAL,
    }
)
# Admitted, and yet no engine was asked.
_NEVER_ASKED: Final = frozenset({Outcome.NO_REPLICA, Outcome.DRAINING})


class Course:
    """One request so far. Times are the clock's monotonic seconds.

    `usage` is the engine's count, once it has told; `chunks` are the pieces of text that the client
    got, `started` is true once it got anything. `routed`: a route decided which model is asked.
    """

    traceparent: bytes = b""
    caller: Caller | None = None
    model: ServedModel | None = None
    request: CompletionRequest | None = None
    reservation: Reservation | None = None
    # When a permit was asked for, and when it was given; 0 before that.
    asked_at: float = 0.0
    admitted_at: float = 0.0
    admitted: bool = False
    routed: bool = False
    usage: TokenUsage | None = None
    # Knows the engine's count of what the client got so far, where the engine tells it.
    scanner: StreamScanner | None = None
    chunks: int = 0
    # Takes the answer of a request that is to be stored.
    keeping: Keeping | None = None
    # In the journal of what is with engines.
    place: Place | None = None
    started: bool = False
    first_token_at: float | None = None

    def __init__(self, operation: Operation, request_id: str, begun: float) -> None:
        self.operation = operation
        self.request_id = request_id
        self.begun = begun


def begin(rooms: Rooms, course: Course) -> None:
    """Let the journal know of a request that goes to an engine now."""
    journal, caller, model = rooms.journal, course.caller, course.model
    if journal is None or caller is None or model is None:
        return
    if course.place is not None:
        journal.leave(course.place)
    course.place = journal.enter(
        Usage(
            project_id=caller.project_id,
            key_id=caller.key_id,
            model=model.id,
            request_id=course.request_id,
            operation=course.operation,
            outcome=Outcome.GATEWAY_DIED,
            input_tokens=0,
            output_tokens=0,
            cached_input_tokens=0,
            estimated=False,
            seconds=0.0,
            traceparent=course.traceparent.decode("ascii"),
        )
    )


def note(rooms: Rooms, course: Course, ended: Outcome, span: Span | None) -> None:
    """Record a request that ends now: metrics, the ledger, its span, a line where one is wanted."""
    operation, now = course.operation, rooms.clock.monotonic()
    seconds = now - course.begun
    base = "" if course.model is None else course.model.family
    first = 0.0
    if course.first_token_at is not None:
        first = course.first_token_at - course.begun
    usage = _usage(course, ended, seconds, first)
    if usage is None:
        rooms.metrics.ended(operation, base, ended, seconds)
    else:
        rooms.metrics.ended(
            operation,
            base,
            ended,
            seconds,
            first=first,
            read=usage.input_tokens,
            written=usage.output_tokens,
        )
        rooms.meter.record(usage)
        if course.place is not None and rooms.journal is not None:
            rooms.journal.leave(course.place)
            course.place = None
        if course.reservation is not None and course.admitted and ended not in _NEVER_ASKED:
            course.reservation.settle(
                usage.input_tokens, usage.cached_input_tokens, usage.output_tokens
            )
    if span is not None:
        timeline.tell(span, course, ended, now, usage)
    if rooms.access_log or ended in _TROUBLE:
        _write_line(operation, ended, seconds, first, usage)


def _usage(course: Course, ended: Outcome, seconds: float, first: float) -> Usage | None:
    """Return what to bill: the engine's count, or what was delivered if it did not tell all.

    What was delivered is counted by the engine where it tells that with its chunks. It may have
    been ahead, so that is an estimate too.

    A request that got nothing costs nothing; None if it never came to a model.
    """
    caller, model, request = course.caller, course.model, course.request
    if caller is None or model is None or request is None:
        return None
    told, chunks = course.usage, course.chunks
    if told is not None:
        read, written, cached = told.prompt_tokens, told.completion_tokens, told.cached_tokens
    else:
        read, cached, written = delivered(request, course.scanner, chunks)
    return Usage(
        project_id=caller.project_id,
        key_id=caller.key_id,
        model=model.id,
        request_id=course.request_id,
        operation=course.operation,
        outcome=ended,
        input_tokens=read,
        output_tokens=written,
        cached_input_tokens=cached,
        estimated=told is None and chunks > 0,
        seconds=seconds,
        first_token_seconds=first,
        traceparent=course.traceparent.decode("ascii"),
    )


def delivered(
    request: CompletionRequest, scanner: StreamScanner | None, chunks: int
) -> tuple[int, int, int]:
    """Return tokens read, cached of these, and written of a stream that has not ended."""
    if not chunks:
        return 0, 0, 0
    running = None if scanner is None else scanner.running
    if running is None:
        return request.estimated_input_tokens, 0, chunks
    written = max(chunks, running.completion_tokens) if request.answers == 1 else chunks
    return running.prompt_tokens, running.cached_tokens, written


def _write_line(
    operation: str, ended: Outcome, seconds: float, first: float, usage: Usage | None
) -> None:
    fields: dict[str, object] = {
        "operation": operation,
        "outcome": ended.value,
        "duration_ms": round(seconds * 1000, 1),
    }
    if first:
        fields["first_token_ms"] = round(first * 1000, 1)
    if usage is not None:
        fields |= {"model": usage.model, "output_tokens": usage.output_tokens}
    _log.log(logging.WARNING if ended in _TROUBLE else logging.INFO, "request", extra=fields)
