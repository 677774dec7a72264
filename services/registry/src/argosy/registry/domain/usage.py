"""One use of a model: what the ledger keeps of a `usage.recorded` event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Usage:
    """`id` is the event's. Tokens are counts, times are milliseconds.

    `estimated` marks counts that no engine confirmed.
    """

    id: str
    occurred_at: datetime
    project_id: str
    key_id: str
    model: str
    request_id: str
    operation: str
    outcome: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    training_tokens: int
    estimated: bool
    duration_ms: int
    first_token_ms: int
