"""One request's right to an adapter on a replica. Knows no engine."""

from __future__ import annotations

from argosy.gateway.engines.replica import Replica
from argosy.gateway.placement.decision_model import Ticket
from argosy.gateway.placement.plan import Plan
from argosy.gateway.placement.residency import Residency


class Lease:
    """The adapter is registered at `replica` and there is a slot for it. `release` it, always."""

    __slots__ = ("_name", "_number", "_plan", "_registered", "_ticket", "replica")

    def __init__(self, plan: Plan, ticket: Ticket[Replica], registered: Residency) -> None:
        self.replica = ticket.replica
        self._plan = plan
        self._ticket: Ticket[Replica] | None = ticket
        self._registered = registered
        self._name = ticket.adapter.name
        self._number = registered.use(self._name)

    def begun(self) -> None:
        """The engine began to answer, so the adapter is in its slot."""
        ticket = self._ticket
        if ticket is not None and ticket.slot is not None and ticket.slot.loading:
            self._plan.arrived(ticket)

    def lost(self) -> None:
        """The engine answered that it does not know the adapter."""
        if self._registered.lost(self._name, self._number):
            self._plan.decider.lost(self.replica, self._name)

    def release(self) -> None:
        """Give it back; a second time does nothing."""
        ticket = self._ticket
        if ticket is not None:
            self._ticket = None
            self._registered.release(self._name)
            self._plan.finish(ticket)
