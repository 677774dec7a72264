"""Which engine a request with an adapter goes to, and when. The same code runs in the simulator.

Knows the pool's slots as the gateway believes them, what waits, and the time it is told. A request
whose adapter sits in a slot goes at once; one whose adapter must be brought goes where bringing it
costs least; one that finds every slot taken waits here and not in an engine's queue, so that it can
go wherever a slot falls free first, together with all that wait for the same adapter. Talks to
nobody: the caller sends, loads, and tells what became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container
from typing import Any, Generic

from argosy.gateway.placement.decision_choice import Choice, Rules
from argosy.gateway.placement.decision_closing import Closing
from argosy.gateway.placement.decision_costs import Costs
from argosy.gateway.placement.decision_model import Adapter, ReplicaT, Room, Site, Slot, Ticket


class Decider(Generic[ReplicaT]):
    """The decisions for one pool. Methods that return tickets started those requests."""

    def __init__(
        self,
        usable: Callable[[ReplicaT], bool],
        *,
        costs: Costs | None = None,
        rules: Rules | None = None,
    ) -> None:
        """`usable` tells whether a replica can be asked at all, now."""
        self.costs = costs or Costs()
        self._rules = rules or Rules()
        self._choice: Choice[ReplicaT] = Choice(usable, self.costs, self._rules)
        self._sites = self._choice.sites
        self._adapters: dict[str, Adapter[ReplicaT]] = {}
        # Those with waiting requests.
        self._queue: dict[str, Adapter[ReplicaT]] = {}
        self._closing: Closing[ReplicaT] = Closing()
        self._look_at = 0.0

    # Engines

    def join(self, replica: ReplicaT, room: Room, key: str) -> None:
        """Add an engine, or tell anew what it holds. `key` names it alike in all gateways."""
        site = self._sites.get(replica)
        if site is None:
            self._sites[replica] = Site(replica, room, key)
        else:
            site.resize(room)

    def leave(self, replica: ReplicaT) -> None:
        """Forget an engine. Requests that it works on may still be finished."""
        site = self._sites.pop(replica, None)
        if site is not None:
            for name in [*site.slots, *site.host]:
                site.drop(name)

    def site(self, replica: ReplicaT) -> Site[ReplicaT] | None:
        """Return what is believed of an engine."""
        return self._sites.get(replica)

    def observe(self, replica: ReplicaT, active: Collection[str]) -> None:
        """The engine tells whose requests it runs; what is not ours is another gateway's."""
        site = self._sites.get(replica)
        if site is None:
            return
        for slot in site.slots.values():
            site.hold_foreign(slot, held=slot.running == 0 and slot.adapter.name in active)
        for name in active:
            if name not in site.slots and site.vacant:
                site.hold_foreign(site.place(self._adapter(name)), held=True)

    # Adapters

    def keep(self, name: str, copies: int) -> None:
        """Let the adapter stay on so many engines, demand or not."""
        if copies or name in self._adapters:
            self._adapter(name).keep = copies

    def spread(
        self, name: str, copies: int, now: float, *, displace: bool
    ) -> list[Ticket[ReplicaT]]:
        """Bring the adapter to so many engines in all, as far as there is room that nobody needs.

        Only with `displace` an idle adapter gives way to it: one that nobody asks for yet is often
        gone again before anybody does. The tickets are no requests: they are finished once the
        adapter is there.
        """
        adapter = self._adapter(name)
        tickets: list[Ticket[ReplicaT]] = []
        while len(adapter.slots) < copies and not self._queue and self._choice.spare():
            room = self._sites if displace else self._choice.empty()
            site = self._choice.roomiest(adapter, room, now)
            if site is None:
                break
            ticket = Ticket(adapter, self._sites, 0, now)
            self._bring(ticket, site)
            tickets.append(ticket)
        return tickets

    def refused(self, replica: ReplicaT, name: str, now: float) -> None:
        """The engine would not load the adapter: it is not asked again before a growing while.

        One refusal may be told by all who waited for it.
        """
        site = self._sites.get(replica)
        if site is None:
            return
        site.drop(name)
        until, times = site.refused.get(name, (0.0, 0))
        if now >= until:
            times = min(times + 1, self._rules.refusals)
            site.refused[name] = now + self._rules.back_off * 2 ** (times - 1), times

    def willing(self, replica: ReplicaT, name: str, now: float) -> bool:
        """Tell whether the engine may be asked for the adapter: it did not refuse it of late."""
        site = self._sites.get(replica)
        return site is not None and self._choice.willing(site, name, now)

    def lost(self, replica: ReplicaT, name: str) -> None:
        """The engine does not have the adapter any more."""
        site = self._sites.get(replica)
        if site is not None:
            site.drop(name)

    def forget(self, name: str) -> None:
        """The adapter is gone for good."""
        for site in self._sites.values():
            site.drop(name)
            site.refused.pop(name, None)
        if name not in self._queue:
            self._adapters.pop(name, None)

    # Requests

    def resident(
        self, name: str, allowed: Container[ReplicaT], now: float
    ) -> Ticket[ReplicaT] | None:
        """Start a request whose adapter is in a slot with room beside it; None if none is."""
        adapter = self._adapters.get(name)
        if adapter is None or adapter.waiting:
            return None
        slot = self._choice.holder(adapter, allowed)
        if slot is None or slot.loading or self._choice.crowded(slot):
            return None
        self.costs.beat(adapter, now)
        ticket = Ticket(adapter, allowed, 0, now)
        self._start(ticket, slot)
        return ticket

    def ask(
        self, name: str, allowed: Container[ReplicaT], now: float, *, priority: int = 0
    ) -> Ticket[ReplicaT]:
        """Start a request or let it wait; of waiting ones the higher priority goes first."""
        adapter = self._adapter(name)
        self.costs.beat(adapter, now)
        ticket = Ticket(adapter, allowed, priority, now)
        if adapter.waiting or not self._try(ticket, now):
            self._wait(ticket)
        return ticket

    def arrived(self, ticket: Ticket[ReplicaT], now: float) -> list[Ticket[ReplicaT]]:
        """The adapter that the request needs is in its slot."""
        slot = ticket.slot
        if slot is None or not slot.loading:
            return []
        slot.site.loaded(slot)
        slot.site.refused.pop(slot.adapter.name, None)
        return self._dispatch(slot.site, now) if self._queue else []

    def finish(self, ticket: Ticket[ReplicaT], now: float) -> list[Ticket[ReplicaT]]:
        """The request ended, however it did, or its client left before it began."""
        slot = ticket.slot
        if slot is None:
            self._leave_queue(ticket)
            return []
        self._choice.in_flight -= 1
        slot.site.end(slot)
        if slot.loading and not slot.running:
            # Its load came to nothing: whoever is next brings it.
            slot.site.drop_slot(slot)
        started = self._dispatch(slot.site, now) if self._queue else []
        if not slot.running:
            # It fell free, and who was late had the first choice.
            slot.closed = False
        if self._queue and now >= self._look_at:
            started += self.retry(now)
        return started

    def retry(self, now: float) -> list[Ticket[ReplicaT]]:
        """Look again at all that waits: an engine came back, or time went by."""
        self._look_at = now + self._rules.look
        started: list[Ticket[ReplicaT]] = []
        for site in self._sites.values():
            if not self._queue:
                break
            started += self._dispatch(site, now)
        return started

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return sum(len(adapter.waiting) for adapter in self._queue.values())

    def explain(self, name: str, now: float) -> dict[str, Any]:
        """Return what is believed of an adapter, for people."""
        adapter = self._adapters.get(name) or Adapter(name)
        return {
            "requests_per_second": round(self.costs.rate(adapter, now), 4),
            "waiting": len(adapter.waiting),
            "replicas": [
                {
                    "replica": site.replica,
                    "in_slot": name in site.slots,
                    "in_host_memory": name in site.host,
                    "in_flight": site.in_flight,
                    "slots": site.room.slots,
                    "slots_in_use": site.pinned,
                    "cost_seconds": round(self._choice.cost(adapter, site, now), 4),
                }
                for site in self._sites.values()
            ],
        }

    # Inside

    def _adapter(self, name: str) -> Adapter[ReplicaT]:
        found = self._adapters.get(name)
        if found is None:
            found = self._adapters[name] = Adapter(name)
        return found

    def _try(self, ticket: Ticket[ReplicaT], now: float) -> bool:
        choice, adapter, allowed = self._choice, ticket.adapter, ticket.allowed
        slot = choice.holder(adapter, allowed)
        if slot is None:
            site = choice.roomiest(adapter, allowed, now)
            if site is None or not choice.settles(ticket, site, now):
                return False
        elif not choice.crowded(slot):
            site = None
        else:
            site = choice.second(adapter, slot, allowed, now)
        if site is not None:
            self._bring(ticket, site)
        elif slot is not None:
            self._start(ticket, slot)
        return True

    def _bring(self, ticket: Ticket[ReplicaT], site: Site[ReplicaT]) -> None:
        ticket.source = "host" if ticket.adapter.name in site.host else "disk"
        self._start(ticket, site.place(ticket.adapter, from_disk=ticket.source == "disk"))

    def _start(self, ticket: Ticket[ReplicaT], slot: Slot[ReplicaT]) -> None:
        ticket.slot = slot
        self._choice.in_flight += 1
        slot.site.begin(slot)

    def _wait(self, ticket: Ticket[ReplicaT]) -> None:
        adapter = ticket.adapter
        queue = adapter.waiting
        place = len(queue)
        while place and queue[place - 1].priority < ticket.priority:
            place -= 1
        queue.insert(place, ticket)
        self._queue.setdefault(adapter.name, adapter)

    def _leave_queue(self, ticket: Ticket[ReplicaT]) -> None:
        adapter = ticket.adapter
        adapter.waiting.remove(ticket)
        if not adapter.waiting:
            del self._queue[adapter.name]
            if not self._queue:
                self._closing.reopen()

    def _dispatch(self, site: Site[ReplicaT], now: float) -> list[Ticket[ReplicaT]]:
        """Start what can run on one engine now: what needs no load, then the longest waiting."""
        started: list[Ticket[ReplicaT]] = []
        if self._sites.get(site.replica) is not site or not self._choice.usable(site.replica):
            return started
        for slot in site.slots.values():
            if slot.adapter.waiting and not slot.closed:
                self._drain(slot, started)
        for adapter in self._in_order():
            if site.full or not site.vacant or site.loading >= self._rules.loads:
                break
            first = adapter.waiting[0]
            if self._choice.takes(site, adapter, first.allowed, now) and self._choice.settles(
                first, site, now
            ):
                self._leave_queue(first)
                self._bring(first, site)
                started.append(first)
                self._drain(site.slots[adapter.name], started)
        self._make_room(now)
        return started

    def _in_order(self) -> list[Adapter[ReplicaT]]:
        return sorted(
            self._queue.values(), key=lambda a: (-a.waiting[0].priority, a.waiting[0].since)
        )

    def _drain(self, slot: Slot[ReplicaT], started: list[Ticket[ReplicaT]]) -> None:
        """Start what waits for the adapter of this slot, as far as the engine has room."""
        for ticket in list(slot.adapter.waiting):
            if slot.site.full:
                return
            if slot.site.replica in ticket.allowed:
                self._leave_queue(ticket)
                self._start(ticket, slot)
                started.append(ticket)

    def _make_room(self, now: float) -> None:
        late = sum(
            now - adapter.waiting[0].since > self._rules.patience
            for adapter in self._queue.values()
        )
        if late:
            self._closing.close(late, self._sites.values(), lambda a: self.costs.rate(a, now))
