"""Where the time of a recorded request went: spans inside its own, made once it has ended.

Knows the conventions' attributes for requests to models. Costs nothing where no span is recorded.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from argosy.gateway.errors import Outcome
from argosy.gateway.metering.usage import Usage
from argosy.kit import tracing
from opentelemetry.trace import Span, StatusCode

if TYPE_CHECKING:
    from argosy.gateway.lane.record import Course

_SECOND: Final = 1_000_000_000
_OPERATIONS: Final = {"chat": "chat", "completion": "text_completion", "embedding": "embeddings"}


def tell(span: Span, course: Course, ended: Outcome, now: float, usage: Usage | None) -> None:
    """Say in `span` what the request was, and where its time went; it ends `now`.

    `queue` is the time until a permit, `prefill` from there to a stream's first token, `decode`
    from it to the end. An answer in one piece has `generate` for both: nobody sees them apart.
    """
    _describe(span, course, ended, usage)
    if not course.asked_at:
        return
    admitted = course.admitted_at if course.admitted else now
    span.set_attribute("argosy.queue_seconds", admitted - course.asked_at)
    # Spans tell the time of day, the request's own times are the monotonic clock's.
    zero = time.time_ns() - int(now * _SECOND)
    if admitted > course.asked_at:
        _inside(zero, "queue", course.asked_at, admitted)
    if not course.admitted:
        return
    first = course.first_token_at
    if first is not None:
        _inside(zero, "prefill", admitted, first)
        _inside(zero, "decode", first, now)
    else:
        _inside(zero, "generate", admitted, now)


def _describe(span: Span, course: Course, ended: Outcome, usage: Usage | None) -> None:
    operation = course.operation.value
    span.set_attribute("gen_ai.operation.name", _OPERATIONS.get(operation, operation))
    span.set_attribute("gen_ai.provider.name", "argosy")
    span.set_attribute("argosy.request_id", course.request_id)
    span.set_attribute("argosy.outcome", ended.value)
    if ended is not Outcome.OK:
        span.set_attribute("error.type", ended.value)
        span.set_status(StatusCode.ERROR)
    if course.model is not None:
        span.set_attribute("argosy.pool", course.model.pool)
    if usage is not None:
        span.set_attribute("gen_ai.request.model", usage.model)
        span.set_attribute("gen_ai.usage.input_tokens", usage.input_tokens)
        span.set_attribute("gen_ai.usage.output_tokens", usage.output_tokens)


def _inside(zero: int, name: str, begun: float, ended: float) -> None:
    inner = tracing.tracer().start_span(name, start_time=zero + int(begun * _SECOND))
    inner.end(zero + int(ended * _SECOND))
