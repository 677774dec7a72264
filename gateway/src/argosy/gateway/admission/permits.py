"""Now, later or no: a permit for each request that a pool works on.

Knows pools, callers and waiting. A permit is handed from one that ends to the one whose turn it is;
whoever cannot be served in time is told so at once. Does not know models or engines.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from argosy.api.registry.v1.registry_pb2 import Pool
from argosy.gateway.access.caller import Caller
from argosy.gateway.access.priority import HIGHEST, LOWEST
from argosy.gateway.admission.fair_queue import FairQueue
from argosy.gateway.admission.outcomes import Entry
from argosy.gateway.errors import QueueFull, QueueTimeout
from argosy.gateway.histogram import Histogram
from argosy.kit.clock import Clock
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

# Weight of the newest request in the mean time that one takes.
_NEWEST: Final = 1 / 32
# Until so many have ended, nobody is refused for the time that they took.
_ENOUGH: Final = 16
_LONGEST_RETRY: Final = 60
_LEAST_CREDIT: Final = 4
_WAITS: Final[Sequence[float]] = (
    0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
# After a refusal, for so long, the next requests are looked at for it before anything else.
_OVERLOADED_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """For each pool: requests at work, requests waiting, and seconds that one may wait."""

    concurrent: int = 256
    queued: int = 512
    wait_seconds: float = 30.0

    @property
    def credit(self) -> int:
        """Requests that a project may have first after a time without: one turnover of the pool."""
        return max(self.concurrent, _LEAST_CREDIT)


# A name of an enumeration's member is looked up by code of its own, each time.
_AT_ONCE: Final = Entry.AT_ONCE


class _Gate:
    """One pool: who is at work, who waits, and how long work takes."""

    __slots__ = (
        "counts", "ended", "held", "in_flight", "limits", "mean_seconds", "name", "queue", "waits",
    )  # fmt: skip

    def __init__(self, name: str, limits: AdmissionLimits) -> None:
        self.name = name
        self.limits = limits
        self.in_flight = 0
        # The same by project.
        self.held: dict[str, int] = {}
        self.queue: FairQueue[asyncio.Future[None]] = FairQueue(
            limits.queued, limits.credit, self.held
        )
        self.counts = dict.fromkeys(Entry, 0)
        # Of those that did wait, whatever came of it.
        self.waits = Histogram(_WAITS)
        self.ended = 0
        self.mean_seconds = 0.0

    def expected_wait(self, priority: int, caller: Caller) -> float:
        """Return the seconds until one that came now would be served; 0 where nobody can tell.

        Little's law: a full pool ends `concurrent / mean_seconds` requests a second.
        """
        if self.ended < _ENOUGH:
            return 0.0
        ahead = self.queue.ahead(priority, caller.project_id, caller.share)
        return (ahead + 1) * self.mean_seconds / self.limits.concurrent

    def leave(self, project_id: str, seconds: float) -> None:
        """One of the project's has ended after `seconds`: the permit is the next one's."""
        if left := self.held[project_id] - 1:
            self.held[project_id] = left
        else:
            del self.held[project_id]
        self.ended += 1
        weight = max(_NEWEST, 1 / self.ended)
        self.mean_seconds += (seconds - self.mean_seconds) * weight
        self.in_flight -= 1
        self.let_in()

    def let_in(self) -> None:
        """Give free permits to those whose turn it is."""
        while self.queue.waiting and self.in_flight < self.limits.concurrent:
            turn = self.queue.pop()
            if turn is not None and not turn.done():
                self.in_flight += 1
                turn.set_result(None)


class Permit:
    """The right to be worked on; to be released on every way out."""

    __slots__ = ("_begun", "_clock", "_gate", "_project_id")

    def __init__(self, gate: _Gate, clock: Clock, project_id: str) -> None:
        self._gate: _Gate | None = gate
        self._clock = clock
        self._project_id = project_id
        self._begun = clock.monotonic()
        gate.held[project_id] = gate.held.get(project_id, 0) + 1

    def release(self) -> None:
        """Give the permit back; a second time is without effect."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.leave(self._project_id, self._clock.monotonic() - self._begun)


class Admission(Collector):
    """The permits of all pools."""

    def __init__(
        self,
        *,
        clock: Clock,
        metrics: CollectorRegistry,
        limits: AdmissionLimits = AdmissionLimits(),
    ) -> None:
        """`limits` hold for pools that have none of their own."""
        self._clock = clock
        self._limits = limits
        self._gates: dict[str, _Gate] = {}
        self._overloaded_until = -math.inf
        metrics.register(self)

    def sync(self, pools: Iterable[Pool]) -> None:
        """Take over the pools' own limits; requests under way go on."""
        default = self._limits
        for pool in pools:
            gate = self._gate(pool.name)
            gate.limits = AdmissionLimits(
                pool.concurrency or default.concurrent,
                pool.queue or default.queued,
                pool.queue_seconds or default.wait_seconds,
            )
            gate.queue.room = gate.limits.queued
            gate.queue.credit = float(gate.limits.credit)
            gate.let_in()

    def try_enter(self, pool: str, caller: Caller, priority: int) -> Permit | None:
        """Return a permit if there is one; else None: `enter` then.

        Nobody waits while there is one: whoever leaves hands it on.
        """
        gate = self._gates.get(pool) or self._gate(pool)
        if gate.in_flight >= gate.limits.concurrent:
            return None
        gate.in_flight += 1
        gate.counts[_AT_ONCE] += 1
        return Permit(gate, self._clock, caller.project_id)

    @property
    def overloaded(self) -> bool:
        """Whether a request was refused a moment ago, so that `turn_away` is worth a call."""
        return self._clock.monotonic() < self._overloaded_until

    def turn_away(self, pool: str, caller: Caller, priority: int) -> None:
        """Raise QueueFull where a request would be refused that came now with this priority."""
        gate = self._gate(pool)
        if gate.in_flight >= gate.limits.concurrent:
            priority = min(max(priority, LOWEST), HIGHEST)
            self._refuse_hopeless(gate, caller, priority, gate.limits.wait_seconds)

    async def enter(
        self, pool: str, caller: Caller, priority: int, deadline: float = math.inf
    ) -> Permit:
        """Return a permit when it is this request's turn.

        `deadline` is a monotonic time; the pool's own bound on waiting holds besides. Raises
        QueueFull at once where there is no room or no hope, QueueTimeout after waiting in vain.
        """
        permit = self.try_enter(pool, caller, priority)
        if permit is not None:
            return permit
        gate = self._gate(pool)
        priority = min(max(priority, LOWEST), HIGHEST)
        patience = min(gate.limits.wait_seconds, deadline - self._clock.monotonic())
        self._refuse_hopeless(gate, caller, priority, patience)
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        waiter = gate.queue.push(turn, priority, caller.project_id, caller.share)
        timer = loop.call_later(patience, _too_late, turn)
        begun = self._clock.monotonic()
        try:
            await turn
        except TimeoutError as error:
            gate.queue.remove(waiter)
            gate.counts[Entry.TIMEOUT] += 1
            raise QueueTimeout(
                f"The request waited {patience:.3g} s in the queue of pool {pool!r}. "
                "Try again in a few seconds."
            ) from error
        except BaseException:
            gate.queue.remove(waiter)
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                # The turn came in the same moment: it is the next one's.
                gate.in_flight -= 1
                gate.let_in()
            gate.counts[Entry.LEFT] += 1
            raise
        finally:
            timer.cancel()
            gate.waits.observe(self._clock.monotonic() - begun)
        gate.counts[Entry.AFTER_WAITING] += 1
        return Permit(gate, self._clock, caller.project_id)

    @property
    def in_flight(self) -> int:
        """Permits that are held now, over all pools."""
        return sum(gate.in_flight for gate in self._gates.values())

    def collect(self) -> Iterator[Metric]:
        """Return the numbers as they are now; called at each scrape."""
        in_flight = GaugeMetricFamily(
            "argosy_gateway_permits_in_flight", "Requests that hold a permit.", labels=["pool"]
        )
        queued = GaugeMetricFamily(
            "argosy_gateway_queued_requests", "Requests that wait for a permit.", labels=["pool"]
        )
        entries = CounterMetricFamily(
            "argosy_gateway_admissions",
            "Requests that asked for a permit, by how that ended.",
            labels=["pool", "outcome"],
        )
        waits = HistogramMetricFamily(
            "argosy_gateway_queue_seconds",
            "Time from asking for a permit to getting it or giving up; 0 for those served at once.",
            labels=["pool"],
        )
        for name, gate in self._gates.items():
            waits.add_metric(
                [name], gate.waits.buckets(gate.counts[Entry.AT_ONCE]), gate.waits.total
            )
            in_flight.add_metric([name], gate.in_flight)
            queued.add_metric([name], gate.queue.waiting)
            for entry, count in gate.counts.items():
                entries.add_metric([name, entry.value], count)
        yield from (in_flight, queued, entries, waits)

    def _gate(self, pool: str) -> _Gate:
        gate = self._gates.get(pool)
        if gate is None:
            gate = self._gates[pool] = _Gate(pool, self._limits)
        return gate

    def _refuse_hopeless(self, gate: _Gate, caller: Caller, priority: int, patience: float) -> None:
        expected = gate.expected_wait(priority, caller)
        room = gate.queue.has_room(priority, caller.project_id)
        if room and expected <= patience:
            return
        self._overloaded_until = self._clock.monotonic() + _OVERLOADED_SECONDS
        if not room:
            gate.counts[Entry.FULL] += 1
            raise QueueFull(
                f"The queue of pool {gate.name!r} has no more room for requests of your project: "
                f"{gate.queue.waiting} of {gate.limits.queued} places are taken. Try again in a "
                "few seconds, or send fewer requests at once.",
                headers=_retry_after(expected) if expected else (),
            )
        gate.counts[Entry.SHED] += 1
        raise QueueFull(
            f"Pool {gate.name!r} is overloaded: it would wait {expected:.3g} s and may "
            f"wait {max(patience, 0.0):.3g}. Try again later, or send fewer requests at once.",
            code="overloaded",
            headers=_retry_after(expected - patience),
        )


def _too_late(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_exception(TimeoutError())


def _retry_after(seconds: float) -> tuple[tuple[bytes, bytes], ...]:
    whole = min(max(math.ceil(seconds), 1), _LONGEST_RETRY)
    return ((b"retry-after", b"%d" % whole),)
