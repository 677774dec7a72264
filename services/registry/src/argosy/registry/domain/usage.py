"""One use of a model: what the ledger keeps of a `usage.recorded` event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

TRAINING: Final = "training"


@dataclass(frozen=True, slots=True)
class Usage:
    """`id` is the event's. Tokens are counts, times are milliseconds.

    `estimated` marks counts that no engine confirmed. `user_id` is empty for a key of nobody.
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
    user_id: str = ""
    batch: bool = False

    @property
    def worked(self) -> bool:
        """Whether an engine worked on it: a request that was refused is no model request."""
        return (
            self.outcome == "ok"
            or self.input_tokens + self.output_tokens + (self.training_tokens) > 0
        )
