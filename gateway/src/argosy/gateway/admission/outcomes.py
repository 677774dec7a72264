"""How asking for a permit can end: a closed list of metric labels."""

from __future__ import annotations

from enum import StrEnum


class Entry(StrEnum):
    """Each request that asks for a permit is counted under one of these."""

    AT_ONCE = "at_once"
    AFTER_WAITING = "after_waiting"
    # Refused when it came: no room, or no hope of being served in time.
    FULL = "full"
    SHED = "shed"
    # Waited in vain: too long, or its client went away.
    TIMEOUT = "timeout"
    LEFT = "left"
