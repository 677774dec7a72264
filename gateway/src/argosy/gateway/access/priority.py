"""What `service_tier` asks for, within what the key may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from argosy.api.registry.v1.registry_pb2 import (
    PRIORITY_BATCH,
    PRIORITY_DEFAULT,
    PRIORITY_FLEX,
    PRIORITY_HIGH,
)

_ASKED: Final[Mapping[str, int]] = {
    "flex": PRIORITY_FLEX,
    "default": PRIORITY_DEFAULT,
    # Bought capacity; there is none to buy here.
    "scale": PRIORITY_DEFAULT,
    "priority": PRIORITY_HIGH,
}
TIERS: Final = ("auto", *_ASKED)
LOWEST: Final[int] = PRIORITY_BATCH
HIGHEST: Final[int] = PRIORITY_HIGH


def effective(own: int, service_tier: str | None) -> int:
    """Return the priority of a request: what it asks for, never above the key's own."""
    own = own or PRIORITY_DEFAULT
    return own if service_tier is None else min(own, _ASKED.get(service_tier, own))
