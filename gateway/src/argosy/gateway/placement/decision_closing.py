"""Slots that are closed to their adapters, so that they fall free for one that waits too long.

Without it, adapters that never pause could keep a pool's slots for ever. Knows no queue, no time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic

from argosy.gateway.placement.decision_model import Adapter, ReplicaT, Site, Slot


class Closing(Generic[ReplicaT]):
    """The closed slots."""

    def __init__(self) -> None:
        self._closed: list[Slot[ReplicaT]] = []

    def close(
        self,
        count: int,
        sites: Iterable[Site[ReplicaT]],
        rate: Callable[[Adapter[ReplicaT]], float],
    ) -> None:
        """Have so many slots closed: those that fall free soonest and are missed least."""
        self._closed = [slot for slot in self._closed if slot.closed]
        missing = count - len(self._closed)
        if missing <= 0:
            return
        open_slots = [
            slot
            for site in sites
            for slot in site.slots.values()
            if slot.running and not slot.closed and not slot.loading
        ]
        open_slots.sort(
            key=lambda slot: slot.running + rate(slot.adapter) / len(slot.adapter.slots)
        )
        for slot in open_slots[:missing]:
            slot.closed = True
            self._closed.append(slot)

    def reopen(self) -> None:
        """Nobody waits any more."""
        for slot in self._closed:
            slot.closed = False
        self._closed.clear()
