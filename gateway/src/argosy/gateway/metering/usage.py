"""One request's usage, and the event that tells of it. Knows no prices."""

from __future__ import annotations

from datetime import datetime

from argosy.api import ids, subjects
from argosy.api.events.v1.events_pb2 import Event, UsageRecorded
from argosy.gateway.errors import Outcome
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import Struct


class Usage(Struct, frozen=True, array_like=True):
    """Tokens are the engine's own count unless `estimated`. Times are in seconds.

    `operation` is chat, completion or embedding. `first_token_seconds` is 0 if none came.
    """

    project_id: str
    key_id: str
    model: str
    request_id: str
    operation: str
    outcome: Outcome
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    estimated: bool
    seconds: float
    first_token_seconds: float = 0.0
    traceparent: str = ""


def to_event(usage: Usage, occurred_at: datetime) -> Event:
    """Return the event. A request is recorded once, so that its id makes the event's."""
    return Event(
        id=ids.EVENT + usage.request_id.removeprefix(ids.REQUEST),
        type=subjects.USAGE_RECORDED,
        project_id=usage.project_id,
        traceparent=usage.traceparent,
        request_id=usage.request_id,
        occurred_at=Timestamp(
            seconds=int(occurred_at.timestamp()), nanos=occurred_at.microsecond * 1000
        ),
        usage_recorded=UsageRecorded(
            key_id=usage.key_id,
            model=usage.model,
            request_id=usage.request_id,
            operation=usage.operation,
            outcome=usage.outcome.value,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_input_tokens=usage.cached_input_tokens,
            estimated=usage.estimated,
            duration_ms=round(usage.seconds * 1000),
            first_token_ms=round(usage.first_token_seconds * 1000),
        ),
    )
