"""What a choice costs, in seconds that requests wait: loads, crowded engines, lost adapters.

Knows demand as a decayed count of requests. Knows no queue and makes no choice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar
from zlib import crc32

from argosy.gateway.placement.decision_model import Adapter, Site, Slot

ReplicaT = TypeVar("ReplicaT")


@dataclass(slots=True)
class Costs:
    """Times in seconds. `disk` follows what loads really take; the others are set once."""

    # From the disk into a slot, and from host memory into a slot.
    disk: float = 0.25
    host: float = 0.02
    # What one more running request is worth: it slows all others and is in the way of the next.
    crowd: float = 0.001
    # How much more it is worth in an engine that is nearly full: 20 times at most.
    steep: float = 1.15
    # Demand is remembered for so long.
    memory: float = 600.0
    # An idle adapter is expected to be replaced after so long.
    horizon: float = 60.0
    # The same in host memory.
    host_horizon: float = 300.0
    # What one avoidable load is worth besides the time of the one request that waits for it.
    load_worth: float = 0.5
    # How far the engine that all gateways prefer for an adapter is ahead of the last one.
    lean: float = 0.01
    # What losing an adapter that shall stay is worth.
    kept: float = 60.0

    def learn_disk(self, seconds: float) -> None:
        """Take over how long a load took, in part."""
        self.disk += 0.2 * (seconds - self.disk)

    def beat(self, adapter: Adapter[ReplicaT], now: float) -> None:
        """Note one request for the adapter."""
        adapter.heat = adapter.heat * math.exp((adapter.heat_at - now) / self.memory) + 1.0
        adapter.heat_at = now

    def rate(self, adapter: Adapter[ReplicaT], now: float) -> float:
        """Return the adapter's requests per second of late."""
        return adapter.heat * math.exp((adapter.heat_at - now) / self.memory) / self.memory

    def load(self, adapter: Adapter[ReplicaT], site: Site[ReplicaT], now: float) -> float:
        """Return what bringing the adapter to a slot there takes, and takes away, from the disk."""
        if adapter.name in site.host:
            return self.host
        # Rendezvous hashing: gateways that know nothing of each other bring it to the same engine.
        cost = self.disk + self.lean * crc32(f"{adapter.name} {site.key}".encode()) / 2**32
        gone = site.host_victim()
        if gone is not None and gone.copies == 1:
            cost -= self.disk * math.expm1(-self.rate(gone, now) * self.host_horizon)
        return cost

    def loss(self, site: Site[ReplicaT], now: float) -> float:
        """Return what the adapter that would be replaced there is worth: its next load, if any."""
        victim = site.victim()
        return 0.0 if victim is None else self._worth(victim, now)

    def crowding(self, site: Site[ReplicaT]) -> float:
        """Return what the requests that run there cost a further one; most where it is full."""
        batch, running = site.room.batch, site.in_flight
        if batch == 0:
            return self.crowd * running
        return self.crowd * running / (1.0 - min(self.steep * (running / batch) ** 2, 0.95))

    def _worth(self, slot: Slot[ReplicaT], now: float) -> float:
        adapter = slot.adapter
        if len(adapter.slots) <= adapter.keep:
            return self.kept
        if len(adapter.slots) > 1:
            return 0.0
        again = -math.expm1(-self.rate(adapter, now) * self.horizon)
        return again * ((self.host if slot.site.room.host else self.disk) + self.load_worth)
