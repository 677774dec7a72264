"""What a gateway believes of a pool's engines: who holds which adapter where, and who uses it.

vLLM 0.32's rules (`v1/core/sched/scheduler.py`, `lora/model_manager.py`): at most `max_loras`
adapters take part in a step; those of running requests keep their slot; of the others the one used
longest ago is replaced. Host memory keeps `max_cpu_loras`, by the same rule. Nobody can tell the
engine which one to replace: only the choice of the engine decides what is lost. Knows no clock, no
engine and no rule of choice; replicas are any hashable thing.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Generic, TypeVar

ReplicaT = TypeVar("ReplicaT")


@dataclass(frozen=True, slots=True)
class Room:
    """What one engine holds; 0 is "not known", and then everything fits.

    `slots`: adapters in device memory. `host`: adapters in host memory, those in slots included.
    `batch`: requests that run at once.
    """

    slots: int = 0
    host: int = 0
    batch: int = 0


class Slot(Generic[ReplicaT]):
    """One adapter on one engine's device."""

    __slots__ = (
        "adapter",
        "closed",
        "foreign",
        "from_disk",
        "loading",
        "running",
        "site",
    )

    def __init__(self, adapter: Adapter[ReplicaT], site: Site[ReplicaT]) -> None:
        self.adapter = adapter
        self.site = site
        # Our own requests that run on it.
        self.running = 0
        # Another gateway's requests run on it, as far as the engine told.
        self.foreign = False
        # Takes no new requests, so that it falls free for an adapter that waits.
        self.closed = False
        # The first request that goes there brings the adapter.
        self.loading = False
        self.from_disk = False

    @property
    def pinned(self) -> bool:
        """The engine cannot replace it now."""
        return self.running > 0 or self.foreign


class Site(Generic[ReplicaT]):
    """One engine."""

    __slots__ = (
        "host",
        "in_flight",
        "key",
        "loading",
        "pinned",
        "refused",
        "replica",
        "room",
        "slots",
    )

    def __init__(self, replica: ReplicaT, room: Room, key: str) -> None:
        self.replica = replica
        self.room = room
        # What it is called in all gateways.
        self.key = key
        # Used longest ago first.
        self.slots: dict[str, Slot[ReplicaT]] = {}
        self.host: dict[str, Adapter[ReplicaT]] = {}
        self.in_flight = 0
        self.pinned = 0
        # Adapters on their way into this engine from the disk.
        self.loading = 0
        # Adapters that it would not load: not before this time, and how often in a row.
        self.refused: dict[str, tuple[float, int]] = {}

    @property
    def full(self) -> bool:
        """No more requests run at once."""
        return 0 < self.room.batch <= self.in_flight

    @property
    def vacant(self) -> bool:
        """There is a slot for another adapter."""
        return self.room.slots == 0 or self.pinned < self.room.slots

    def victim(self) -> Slot[ReplicaT] | None:
        """Return what the engine would replace; None if a slot is empty. Only if `vacant`."""
        if self.room.slots == 0 or len(self.slots) < self.room.slots:
            return None
        for slot in self.slots.values():
            if not slot.pinned:
                return slot
        return None

    def place(self, adapter: Adapter[ReplicaT], *, from_disk: bool | None = None) -> Slot[ReplicaT]:
        """Note that the adapter takes a slot, in place of the victim's.

        It is on its way until `loaded`, unless `from_disk` is None: then it is there.
        """
        gone = self.victim()
        if gone is not None:
            self.drop_slot(gone)
        slot = Slot(adapter, self)
        if from_disk is not None:
            slot.loading = True
            slot.from_disk = from_disk
            self.loading += from_disk
        self.slots[adapter.name] = slot
        adapter.slots.append(slot)
        self._touch_host(adapter)
        return slot

    def resize(self, room: Room) -> None:
        """Note that the engine holds more or less than was known."""
        self.room = room
        while room.slots and len(self.slots) > room.slots:
            gone = self.victim()
            if gone is None:
                return
            self.drop_slot(gone)

    def drop_slot(self, slot: Slot[ReplicaT]) -> None:
        """Note that the adapter left the device; host memory may still have it."""
        if self.slots.get(slot.adapter.name) is slot:
            del self.slots[slot.adapter.name]
            slot.adapter.slots.remove(slot)
            self.pinned -= slot.pinned
            slot.foreign = False
            self._loaded(slot)

    def drop(self, name: str) -> None:
        """Note that the adapter is gone from everywhere on this engine."""
        slot = self.slots.get(name)
        if slot is not None:
            self.drop_slot(slot)
        self._drop_host(name)

    def begin(self, slot: Slot[ReplicaT]) -> None:
        """Note that a request goes there."""
        self.in_flight += 1
        if not slot.pinned:
            self.pinned += 1
        slot.running += 1

    def end(self, slot: Slot[ReplicaT]) -> None:
        """Note that a request ended."""
        self.in_flight -= 1
        held = self.slots.get(slot.adapter.name) is slot
        slot.running -= 1
        if not held:
            return
        if not slot.pinned:
            self.pinned -= 1
        name = slot.adapter.name
        del self.slots[name]
        self.slots[name] = slot
        self._touch_host(slot.adapter)

    def loaded(self, slot: Slot[ReplicaT]) -> None:
        """Note that the adapter arrived."""
        self._loaded(slot)

    def hold_foreign(self, slot: Slot[ReplicaT], *, held: bool) -> None:
        """Note whether others use it."""
        before = slot.pinned
        slot.foreign = held
        self.pinned += slot.pinned - before

    def _loaded(self, slot: Slot[ReplicaT]) -> None:
        if slot.loading:
            slot.loading = False
            self.loading -= slot.from_disk

    def host_victim(self) -> Adapter[ReplicaT] | None:
        """Return what leaves host memory for the next one from the disk; None if there is room."""
        if self.room.host == 0 or len(self.host) < self.room.host:
            return None
        # What is in a slot is used later than what is not: the engine drops the others first.
        for name, adapter in self.host.items():
            if name not in self.slots:
                return adapter
        return None

    def _touch_host(self, adapter: Adapter[ReplicaT]) -> None:
        host = self.host
        if host.pop(adapter.name, None) is None:
            adapter.copies += 1
            gone = self.host_victim()
            if gone is not None:
                self._drop_host(gone.name)
        host[adapter.name] = adapter

    def _drop_host(self, name: str) -> None:
        adapter = self.host.pop(name, None)
        if adapter is not None:
            adapter.copies -= 1


class Adapter(Generic[ReplicaT]):
    """One adapter of the pool: its slots, its demand, its waiting requests."""

    __slots__ = ("copies", "heat", "heat_at", "keep", "name", "slots", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.slots: list[Slot[ReplicaT]] = []
        # Engines that have it in host memory.
        self.copies = 0
        # Requests of late, decayed to the time `heat_at`.
        self.heat = 0.0
        self.heat_at = 0.0
        # On how many engines it shall stay, demand or not.
        self.keep = 0
        self.waiting: list[Ticket[ReplicaT]] = []


class Ticket(Generic[ReplicaT]):
    """One request: waiting while `slot` is None. `source` is where its adapter came from."""

    __slots__ = ("adapter", "allowed", "priority", "since", "slot", "source")

    def __init__(
        self,
        adapter: Adapter[ReplicaT],
        allowed: Container[ReplicaT],
        priority: int,
        since: float,
    ) -> None:
        self.adapter = adapter
        self.allowed = allowed
        self.priority = priority
        self.since = since
        self.slot: Slot[ReplicaT] | None = None
        # "slot": it was on the device; "host" or "disk": it had to be brought.
        self.source = "slot"

    @property
    def replica(self) -> ReplicaT:
        """Where it goes. Only once it is no longer waiting."""
        assert self.slot is not None  # noqa: S101 - the caller's duty
        return self.slot.site.replica
