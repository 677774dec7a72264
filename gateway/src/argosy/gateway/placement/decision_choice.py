"""Which engine is best for an adapter now: the rules, over what is believed of the engines.

Knows slots, costs and who may be asked. Changes nothing and keeps no queue: `decision.py` does.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Generic

from argosy.gateway.placement.decision_costs import Costs
from argosy.gateway.placement.decision_model import Adapter, ReplicaT, Site, Slot, Ticket


@dataclass(frozen=True, slots=True)
class Rules:
    """How choices are weighed. Times in seconds."""

    # Above the mean by so many requests, a holder of the adapter is no longer taken unasked.
    spread: int = 6
    # Slots of the whole pool that a further copy of an adapter must leave to others, as a share.
    reserve: float = 0.06
    # The load of a further copy is shared by the requests expected for so long.
    sharing: float = 2.0
    # Loads from the disk that one engine has under way at the same time.
    loads: int = 1
    # A request waits for an engine with its adapter in host memory while `haste` times the wait is
    # less than what that saves over the disk.
    haste: float = 1.0
    # A request that waits for longer may have a slot closed to the adapter that holds it.
    patience: float = 5.0
    # All that waits is looked at anew after so long.
    look: float = 0.05
    # An engine that refused a load is asked again after `back_off`, doubled each time in a row up
    # to `refusals` times.
    back_off: float = 1.0
    refusals: int = 7


class Choice(Generic[ReplicaT]):
    """Reads `sites`, which the decider changes, and `in_flight`, its requests on all of them."""

    def __init__(self, usable: Callable[[ReplicaT], bool], costs: Costs, rules: Rules) -> None:
        self.sites: dict[ReplicaT, Site[ReplicaT]] = {}
        self.in_flight = 0
        self.usable = usable
        self.costs = costs
        self.rules = rules

    def holder(
        self, adapter: Adapter[ReplicaT], allowed: Container[ReplicaT]
    ) -> Slot[ReplicaT] | None:
        """Return the adapter's least busy slot that takes requests."""
        best: Slot[ReplicaT] | None = None
        for slot in adapter.slots:
            site = slot.site
            if (
                not slot.closed
                and not site.full
                and (best is None or site.in_flight < best.site.in_flight)
                and site.replica in allowed
                and self.usable(site.replica)
            ):
                best = slot
        return best

    def crowded(self, slot: Slot[ReplicaT]) -> bool:
        """Tell whether the slot's engine has much more to do than the mean."""
        return slot.site.in_flight > self.in_flight / len(self.sites) + self.rules.spread

    def roomiest(
        self, adapter: Adapter[ReplicaT], allowed: Container[ReplicaT], now: float
    ) -> Site[ReplicaT] | None:
        """Return where bringing the adapter costs least, None if it fits nowhere."""
        best, least = None, float("inf")
        for site in self.sites.values():
            if not self.takes(site, adapter, allowed, now):
                continue
            cost = self.cost(adapter, site, now) + self.costs.crowding(site)
            if cost < least:
                best, least = site, cost
        return best

    def second(
        self,
        adapter: Adapter[ReplicaT],
        slot: Slot[ReplicaT],
        allowed: Container[ReplicaT],
        now: float,
    ) -> Site[ReplicaT] | None:
        """Return where a further copy is worth its load, if anywhere."""
        if not self.spare():
            return None
        site = self.roomiest(adapter, allowed, now)
        if site is None:
            return None
        # A copy is used by more than this request: its load is shared by those that follow soon.
        sharing = 1.0 + self.costs.rate(adapter, now) * self.rules.sharing
        there = self.cost(adapter, site, now) / sharing + self.costs.crowding(site)
        return site if there < self.costs.crowding(slot.site) else None

    def spare(self) -> bool:
        """Tell whether more slots are free than must be left to adapters that are nowhere."""
        free = total = 0
        for site in self.sites.values():
            if site.room.slots == 0:
                return True
            total += site.room.slots
            free += site.room.slots - site.pinned
        return free > total * self.rules.reserve

    def empty(self) -> set[ReplicaT]:
        """Return the engines where an adapter can be brought at nobody's cost."""
        return {
            replica for replica, site in self.sites.items() if site.vacant and site.victim() is None
        }

    def takes(
        self,
        site: Site[ReplicaT],
        adapter: Adapter[ReplicaT],
        allowed: Container[ReplicaT],
        now: float,
    ) -> bool:
        """Tell whether the adapter can be brought there now."""
        if site.full or not site.vacant or site.loading >= self.rules.loads:
            return False
        if adapter.name in site.slots or site.replica not in allowed:
            return False
        return self.willing(site, adapter.name, now) and self.usable(site.replica)

    def willing(self, site: Site[ReplicaT], name: str, now: float) -> bool:
        """Tell whether the engine may be asked for the adapter: it did not refuse it of late."""
        return not site.refused or site.refused.get(name, (0.0, 0))[0] <= now

    def settles(self, ticket: Ticket[ReplicaT], site: Site[ReplicaT], now: float) -> bool:
        """Tell whether the request takes this engine, or waits for one that has its adapter near.

        It waits until the wait costs as much as it could still save.
        """
        adapter = ticket.adapter
        if adapter.copies == 0 or adapter.name in site.host:
            return True
        saved = self.costs.disk - self.costs.host
        if (now - ticket.since) * self.rules.haste >= saved:
            return True
        return not any(
            adapter.name in other.host
            and other.replica in ticket.allowed
            and self.usable(other.replica)
            for other in self.sites.values()
        )

    def cost(self, adapter: Adapter[ReplicaT], site: Site[ReplicaT], now: float) -> float:
        """Return what bringing the adapter there costs, in seconds."""
        return self.costs.load(adapter, site, now) + self.costs.loss(site, now)
