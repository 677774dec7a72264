"""vLLM's room for adapters and requests: slots on the device, a host cache, a batch.

As in vLLM 0.3x: at most `max_loras` adapters take part in a step, an adapter in use keeps its slot,
an idle one is replaced, the one used longest ago first. A waiting request whose adapter finds no
slot is stepped over by those behind it whose adapter has one. Knows no HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Room:
    """What the engine can hold; 0 is no bound. Milliseconds an activation takes, by its source."""

    # Adapters that can run at the same time.
    max_loras: int = 0
    # Adapters kept in host memory, those in slots included; not below `max_loras`.
    max_cpu_loras: int = 0
    # Requests that run at the same time.
    max_num_seqs: int = 0
    # From the disk into a slot.
    cold_ms: float = 0.0
    # From host memory into a slot.
    warm_ms: float = 0.0


class Slots:
    """Who runs, who waits, which adapters are where. One event loop."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._running: Counter[str] = Counter()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._slots: OrderedDict[str, None] = OrderedDict()
        self._host: OrderedDict[str, None] = OrderedDict()
        self._usable_at: dict[str, float] = {}
        self.activations: Counter[str] = Counter()

    @property
    def running(self) -> int:
        """Requests that run."""
        return self._running.total()

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""
        return len(self._waiting)

    @property
    def adapters(self) -> list[str]:
        """The adapters on the device, the one used longest ago first."""
        return list(self._slots)

    def adapters_of(self, *, waiting: bool) -> list[str]:
        """Return the adapters of requests that run, or that wait."""
        names = {name for name, _ in self._waiting} if waiting else set(+self._running)
        return sorted(names - {""})

    def forget(self, adapter: str) -> None:
        """Drop an idle adapter from everywhere."""
        if not self._running[adapter]:
            self._slots.pop(adapter, None)
            self._host.pop(adapter, None)

    @contextlib.asynccontextmanager
    async def running_with(self, adapter: str) -> AsyncIterator[None]:
        """Run for the time of the block, once there is room; `adapter` is "" for the base model."""
        if self._fits(adapter):
            self._enter(adapter)
        else:
            await self._wait(adapter)
        try:
            delay = self._usable_at.get(adapter, 0.0) - asyncio.get_running_loop().time()
            if delay > 0:
                await asyncio.sleep(delay)
            yield
        finally:
            self._running[adapter] -= 1
            self._admit()

    async def _wait(self, adapter: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = adapter, turn
        self._waiting.append(entry)
        try:
            await turn
        except asyncio.CancelledError:
            if entry in self._waiting:
                self._waiting.remove(entry)
            else:
                self._running[adapter] -= 1
                self._admit()
            raise

    def _admit(self) -> None:
        for entry in list(self._waiting):
            adapter, turn = entry
            if self._fits(adapter):
                self._waiting.remove(entry)
                self._enter(adapter)
                turn.set_result(None)

    def _fits(self, adapter: str) -> bool:
        room = self._room
        if room.max_num_seqs and self.running >= room.max_num_seqs:
            return False
        if not adapter or adapter in self._slots or not room.max_loras:
            return True
        return sum(1 for name in self._slots if self._running[name]) < room.max_loras

    def _enter(self, adapter: str) -> None:
        self._running[adapter] += 1
        if not adapter:
            return
        if adapter not in self._slots:
            self._activate(adapter)
        self._slots.move_to_end(adapter)
        self._host.move_to_end(adapter)

    def _activate(self, adapter: str) -> None:
        room = self._room
        if room.max_loras and len(self._slots) >= room.max_loras:
            del self._slots[next(name for name in self._slots if not self._running[name])]
        delay = room.warm_ms if adapter in self._host else room.cold_ms
        self._usable_at[adapter] = asyncio.get_running_loop().time() + delay / 1000
        self._slots[adapter] = self._host[adapter] = None
        self.activations[adapter] += 1
        while room.max_cpu_loras and len(self._host) > room.max_cpu_loras:
            # What is in a slot stays in host memory too.
            del self._host[next(name for name in self._host if name not in self._slots)]
