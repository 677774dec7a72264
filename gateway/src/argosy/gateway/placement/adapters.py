"""Adapters at work: a request gets a replica that has its adapter and a slot for it.

Knows the steps: decide, wait for a turn, register, and what to do if an engine refuses or forgets.
The decisions are `decision.py`'s, the calls `loader.py`'s. Several gateways need not talk: each
prefers the same engine for an adapter that is nowhere (`decision_costs.py`), each hears from the
engines' gauges whose slots are in use and from their lists what is registered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from argosy.api.registry.v1.registry_pb2 import Model
from argosy.gateway.engines.failures import AdapterRefused, ConnectFailed, EngineError
from argosy.gateway.engines.fleet import Fleet
from argosy.gateway.engines.replica import Replica
from argosy.gateway.errors import NoReplica
from argosy.gateway.placement.decision_model import Ticket
from argosy.gateway.placement.lease import Lease
from argosy.gateway.placement.loader import Loader, LoadLimits
from argosy.gateway.placement.plan import Plan
from argosy.kit.clock import Clock, SystemClock
from prometheus_client import CollectorRegistry, Gauge

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlacementLimits:
    """`per_replica`: adapters kept registered on one engine; `load_seconds`: for one load;
    `wait_seconds`: for a slot; `batch`: requests that one engine runs at once, 0 if not known."""

    per_replica: int = 256
    load_seconds: float = 30.0
    call_seconds: float = 5.0
    wait_seconds: float = 30.0
    batch: int = 0


class Placement:
    """Leases of adapters, for all pools."""

    def __init__(
        self,
        fleet: Fleet,
        *,
        exists: Callable[[str], bool],
        metrics: CollectorRegistry,
        limits: PlacementLimits = PlacementLimits(),
        clock: Clock | None = None,
    ) -> None:
        """`exists` tells whether any project has a model of this id."""
        self._fleet = fleet
        self._limits = limits
        self._clock = clock or SystemClock()
        self._plans: dict[str, Plan] = {}
        self._loader = Loader(
            exists=exists,
            on_gone=self._gone,
            metrics=metrics,
            limits=LoadLimits(limits.per_replica, limits.load_seconds, limits.call_seconds),
        )
        Gauge(
            "argosy_gateway_adapter_waiting",
            "Requests that wait for a slot of an engine for their adapter.",
            registry=metrics,
        ).set_function(lambda: float(sum(plan.decider.waiting for plan in self._plans.values())))
        fleet.adopt_with(self.adopt)
        fleet.observe_with(self._observed)

    # Requests

    def resident(self, replica: Replica, model_id: str) -> bool:
        """Tell whether the replica has the adapter registered, as far as is known."""
        return model_id in self._loader.registered(replica)

    def try_lease(self, model: Model, usable: Sequence[Replica]) -> Lease | None:
        """Return a lease where the adapter is in a slot with room beside it, else None."""
        plan = self._plan(model.pool)
        name = model.id
        ticket = plan.decider.resident(name, usable, plan.now())
        if ticket is None:
            return None
        registered = plan.registered[ticket.replica]
        if name not in registered:
            plan.finish(ticket)
            return None
        return Lease(plan, ticket, registered)

    async def lease(
        self, model: Model, usable: Sequence[Replica], *, project_id: str = "", priority: int = 0
    ) -> Lease:
        """Return a lease on one of `usable`, in its turn.

        Raises NoReplica if none of them can be asked, AdapterRefused if none takes the adapter,
        QueueTimeout if its turn did not come.
        """
        plan = self._plan(model.pool)
        left, last = list(usable), "No engine of the pool took it."
        while True:
            left = [r for r in left if plan.decider.willing(r, model.id, plan.now())]
            if not left:
                if not usable:
                    raise NoReplica(
                        f"No engine can serve the model {model.id!r} right now. "
                        "Try again in a few seconds."
                    )
                raise AdapterRefused(last)
            ticket = plan.decider.ask(model.id, tuple(left), plan.now(), priority=priority)
            if ticket.slot is None:
                await plan.turn(ticket, left, model.id)
            try:
                return await self._bring(plan, ticket, model)
            except EngineError as error:
                last = str(error)
                left.remove(ticket.replica)

    def refused(self, model: Model, replicas: Sequence[Replica]) -> bool:
        """Tell whether each of these engines refused the adapter of late."""
        plan = self._plan(model.pool)
        now = plan.now()
        return not any(plan.decider.willing(replica, model.id, now) for replica in replicas)

    def explain(self, model: Model) -> dict[str, Any]:
        """Say where the adapter is and why it would go where: for people, not for programs."""
        plan = self._plan(model.pool)
        seen = plan.decider.explain(model.id, plan.now())
        for row in seen["replicas"]:
            row["registered"] = self.resident(row["replica"], model.id)
            row["replica"] = row["replica"].url
        return seen

    # What becomes of models and engines

    def keep(self, model: Model) -> None:
        """Send no load where it would cost one of the copies that the model shall have."""
        self._plan(model.pool).decider.keep(model.id, model.pinned_replicas)

    async def spread(self, model: Model, copies: int) -> None:
        """Have it on so many engines, as far as there is room. Never raises EngineError."""
        plan = self._plan(model.pool)
        there = sum(self.resident(replica, model.id) for replica in plan.replicas)
        if there < copies:
            pinned = model.pinned_replicas > 0
            tickets = plan.decider.spread(model.id, copies, plan.now(), displace=pinned)
            await asyncio.gather(*(self._bring_ahead(plan, ticket, model) for ticket in tickets))

    async def forget(self, model_id: str) -> None:
        """Drop a deleted model from every engine that has it. Never raises EngineError."""
        await asyncio.gather(
            *(self._loader.forget(replica, model_id) for replica in self._fleet.all_replicas())
        )
        for plan in self._plans.values():
            plan.decider.forget(model_id)

    def forget_soon(self, model_id: str) -> None:
        """Start `forget` without waiting for it."""
        self._loader.start(self.forget(model_id), f"forget {model_id}")

    async def adopt(self, replica: Replica) -> None:
        """Take over what the engine says it has; drop tuned models that no longer exist."""
        await self._loader.take_over(replica)

    async def close(self) -> None:
        """End calls under way."""
        await self._loader.close()

    # Inside

    def _plan(self, pool: str) -> Plan:
        plan = self._plans.get(pool)
        if plan is None:
            plan = self._plans[pool] = Plan(self._usable, self._clock, self._limits.wait_seconds)
        replicas = self._fleet.replicas(pool)
        if plan.replicas is not replicas:
            plan.registered = {replica: self._loader.registered(replica) for replica in replicas}
            plan.follow(self._fleet.pool(pool), replicas, self._limits.batch)
        return plan

    def _usable(self, replica: Replica) -> bool:
        return replica.ready and replica.ejection.admits(self._clock.monotonic())

    async def _bring(self, plan: Plan, ticket: Ticket[Replica], model: Model) -> Lease:
        """Have the adapter registered where the ticket says. Raises EngineError."""
        replica = ticket.replica
        registered = self._loader.registered(replica)
        try:
            if model.id not in registered:
                begun = plan.now()
                try:
                    await self._loader.ensure(replica, model)
                except EngineError as error:
                    self._failed(plan, replica, model.id, error)
                    raise
                plan.decider.costs.learn_disk(plan.now() - begun)
                # The engine puts an adapter that it registers into a slot at once.
                plan.arrived(ticket)
            return Lease(plan, ticket, registered)
        except BaseException:
            plan.finish(ticket)
            raise

    async def _bring_ahead(self, plan: Plan, ticket: Ticket[Replica], model: Model) -> None:
        if self.resident(ticket.replica, model.id):
            # It is registered, and a request would bring it back into a slot; nothing else can.
            plan.finish(ticket)
            return
        try:
            lease = await self._bring(plan, ticket, model)
        except EngineError as error:
            _log.warning(
                "adapter not brought ahead: %s", error,
                extra={"replica": ticket.replica.url, "model": model.id},
            )  # fmt: skip
        else:
            lease.release()

    def _failed(self, plan: Plan, replica: Replica, name: str, error: EngineError) -> None:
        if isinstance(error, ConnectFailed):
            replica.unreachable(str(error))
        elif not isinstance(error, AdapterRefused):
            self._fleet.failed(replica)
        # Those that waited for the same load say the same: only the first one counts.
        plan.decider.refused(replica, name, plan.now())

    def _observed(self, replica: Replica) -> None:
        plan = self._plans.get(replica.pool)
        if plan is not None and replica in plan.replicas:
            plan.measure(replica)

    def _gone(self, replica: Replica, name: str) -> None:
        plan = self._plans.get(replica.pool)
        if plan is not None:
            plan.decider.lost(replica, name)
