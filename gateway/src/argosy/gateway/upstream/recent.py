"""Names that are remembered for a short time, a bounded number of them."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from argosy.kit.clock import Clock

_ENTRIES: Final = 4096


class Recent:
    """Names seen within the last `seconds`, the newest few thousand of them."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._until: OrderedDict[str, float] = OrderedDict()

    def add(self, name: str) -> None:
        """Take note of a name; it is known for the time from now on."""
        self._until[name] = self._clock.monotonic() + self._seconds
        self._until.move_to_end(name)
        while len(self._until) > _ENTRIES:
            self._until.popitem(last=False)

    def __contains__(self, name: str) -> bool:
        until = self._until.get(name)
        if until is None:
            return False
        if until > self._clock.monotonic():
            return True
        del self._until[name]
        return False
