"""How much a key or a project may use, and whose turn it is when a pool is busy.

Knows the numbers. The gateways count and enforce.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Priority(StrEnum):
    """What a key's requests are if they name no tier, and the most they can be. Lowest first."""

    BATCH = "batch"
    FLEX = "flex"
    DEFAULT = "default"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that may be used; 0 is no limit. Money is in millionths of the currency unit."""

    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    tokens_per_day: int = 0
    concurrent_requests: int = 0
    micros_per_day: int = 0


NO_LIMITS: Final = Limits()
