"""The decisions for one pool at work: its clock, its engines as they are, its waiting requests.

Knows how a waiting request is woken and given up. Does not load: `adapters.py` does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from argosy.api.registry.v1.registry_pb2 import Pool
from argosy.gateway.engines.replica import Replica
from argosy.gateway.errors import NoReplica, QueueTimeout
from argosy.gateway.placement.decision import Decider
from argosy.gateway.placement.decision_model import Room, Ticket
from argosy.gateway.placement.residency import Residency
from argosy.kit.clock import Clock

# A request that waits looks this often whether anything can serve it at all, in seconds.
_PATROL = 0.5


class Plan:
    """One pool."""

    def __init__(
        self, usable: Callable[[Replica], bool], clock: Clock, wait_seconds: float
    ) -> None:
        self.decider: Decider[Replica] = Decider(usable)
        self.replicas: tuple[Replica, ...] = ()
        # What each engine's front end knows, by `loader.py`; here it is found quickly.
        self.registered: dict[Replica, Residency] = {}
        self.now = clock.monotonic
        self._usable = usable
        self._wait_seconds = wait_seconds
        self._batch = 0
        self._slots = self._host = 0
        self._turns: dict[Ticket[Replica], asyncio.Future[None]] = {}

    # Engines

    def follow(self, pool: Pool | None, replicas: tuple[Replica, ...], batch: int) -> None:
        """Take over the pool's replicas and settings."""
        for replica in self.replicas:
            if replica not in replicas:
                self.decider.leave(replica)
        self.replicas = replicas
        self._batch = batch
        self._slots = pool.max_loras if pool else 0
        self._host = pool.max_cpu_loras if pool else 0
        for replica in replicas:
            self.measure(replica)

    def measure(self, replica: Replica) -> None:
        """Take over what the engine's gauges tell."""
        slots = self._slots or replica.gauges.max_loras
        self.decider.join(replica, Room(slots, max(slots, self._host), self._batch), replica.url)
        self.decider.observe(replica, replica.gauges.active_adapters)
        self._wake(self.decider.retry(self.now()))

    # Requests

    async def turn(self, ticket: Ticket[Replica], usable: Sequence[Replica], what: str) -> None:
        """Wait for a slot. Raises NoReplica or QueueTimeout; then the request is given up."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns[ticket] = future
        try:
            async with asyncio.timeout(self._wait_seconds):
                while not future.done():
                    await asyncio.wait({future}, timeout=_PATROL)
                    if not future.done():
                        self._patrol(usable, what)
        except BaseException as error:
            self._turns.pop(ticket, None)
            self.finish(ticket)
            if isinstance(error, TimeoutError):
                raise QueueTimeout(
                    f"No engine had room for the adapter {what!r} within {self._wait_seconds:g} s. "
                    "Try again later, or ask the administrator for more replicas.",
                    code="queue_timeout",
                ) from None
            raise

    def arrived(self, ticket: Ticket[Replica]) -> None:
        """The ticket's adapter is in its slot."""
        self._wake(self.decider.arrived(ticket, self.now()))

    def finish(self, ticket: Ticket[Replica]) -> None:
        """The ticket's request ended, or is given up."""
        self._wake(self.decider.finish(ticket, self.now()))

    def _patrol(self, usable: Sequence[Replica], what: str) -> None:
        if not any(self._usable(replica) for replica in usable):
            raise NoReplica(
                f"No engine can serve the model {what!r} right now. Try again in a few seconds."
            )
        self._wake(self.decider.retry(self.now()))

    def _wake(self, started: list[Ticket[Replica]]) -> None:
        for ticket in started:
            self._turns.pop(ticket).set_result(None)
