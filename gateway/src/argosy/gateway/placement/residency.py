"""What one replica has loaded, by last use. Pure: decides which adapters to drop, drops nothing.

vLLM keeps every adapter that it was ever told of; the cap here keeps that from growing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable


class Residency:
    """The adapters of one replica, coldest first."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        # Each load of an adapter gets a number, so that late news of an earlier one is told apart.
        self._loads: OrderedDict[str, int] = OrderedDict()
        self._next = 1
        self._pins: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._loads

    def names(self) -> list[str]:
        """Return the adapters, coldest first."""
        return list(self._loads)

    def use(self, name: str) -> int:
        """Make it the warmest and pin it; return the number of its load. It must be resident."""
        self._loads.move_to_end(name)
        self._pins[name] = self._pins.get(name, 0) + 1
        return self._loads[name]

    def release(self, name: str) -> None:
        """Undo one `use`."""
        left = self._pins.get(name, 0) - 1
        if left > 0:
            self._pins[name] = left
        else:
            self._pins.pop(name, None)

    def add(self, name: str) -> None:
        """Note that it was loaded."""
        self._loads[name] = self._next
        self._loads.move_to_end(name)
        self._next += 1

    def drop(self, name: str) -> bool:
        """Note that it is gone; tell whether it was there."""
        return self._loads.pop(name, None) is not None

    def lost(self, name: str, load: int) -> bool:
        """The engine does not know load number `load`; tell whether that was the last one."""
        if self._loads.get(name) != load:
            return False
        del self._loads[name]
        return True

    def replace(self, names: Iterable[str]) -> None:
        """Take over what the engine itself lists, keeping the order of use."""
        listed = set(names)
        for name in [name for name in self._loads if name not in listed]:
            del self._loads[name]
        for name in sorted(listed - self._loads.keys()):
            self.add(name)
            self._loads.move_to_end(name, last=False)

    def victims(self) -> list[str]:
        """Return the coldest adapters over the cap that no request is using."""
        excess = len(self._loads) - self._cap
        if excess <= 0:
            return []
        return [name for name in self._loads if name not in self._pins][:excess]
