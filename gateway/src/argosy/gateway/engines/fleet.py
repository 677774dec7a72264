"""All replicas of all pools, each with a probe that keeps its state true.

Knows when to probe and what a probe changes. Follows the catalogue's pools. Does not know requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from argosy.api.registry.v1.registry_pb2 import Pool
from argosy.gateway.engines.client import Client
from argosy.gateway.engines.dialects import by_name
from argosy.gateway.engines.ejection import Ejection, EjectionPolicy
from argosy.gateway.engines.failures import EngineError, EngineTimeout, MalformedAnswer
from argosy.gateway.engines.gauges import EngineGauges
from argosy.gateway.engines.replica import Replica
from argosy.kit.clock import Clock
from prometheus_client import CollectorRegistry, Counter, Gauge

_log = logging.getLogger(__name__)

# Learns what an engine has before it is used; raises EngineError if that cannot be told.
Adopt = Callable[[Replica], Awaitable[None]]
# Told of a replica whose gauges are new.
Observe = Callable[[Replica], None]


@dataclass(frozen=True, slots=True)
class ProbeTimes:
    """Seconds: between probes of an engine that is up, of one that is down, and for one call."""

    up: float = 2.0
    down: float = 0.5
    call: float = 3.0
    connect: float = 1.0
    # A busy engine may be late; this many late answers in a row mean that it is down.
    late: int = 3


class Fleet:
    """Replicas by pool. `run` probes until cancelled."""

    def __init__(
        self,
        *,
        clock: Clock,
        metrics: CollectorRegistry,
        times: ProbeTimes = ProbeTimes(),
        ejection: EjectionPolicy = EjectionPolicy(),  # noqa: B008 - frozen
    ) -> None:
        self._clock = clock
        # The time that ejections and pauses go by.
        self.now = clock.monotonic
        self._times = times
        self._policy = ejection
        self._adopt: Adopt | None = None
        self._observers: list[Observe] = []
        self._pools: dict[str, tuple[Pool, tuple[Replica, ...]]] = {}
        self._probes: dict[Replica, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._ready = Gauge(
            "argosy_gateway_replica_ready",
            "1 if the replica passed its last probe.",
            ["pool", "replica"],
            registry=metrics,
        )
        EngineGauges(self.all_replicas, self.now, metrics)
        self._ejections = Counter(
            "argosy_gateway_ejections",
            "Times that a replica was set aside for failing.",
            ["pool"],
            registry=metrics,
        )

    # Pools

    def sync(self, pools: Iterable[Pool]) -> None:
        """Follow the catalogue. New replicas start unready and are probed at once; others stay."""
        before = self._pools
        self._pools = {
            pool.name: (pool, self._build(pool, before.get(pool.name))) for pool in pools
        }
        for name in self._pools:
            self._ejections.labels(name)
        kept = set(self.all_replicas())
        for _, replicas in before.values():
            for replica in replicas:
                if replica not in kept:
                    replica.take_out("no longer in the catalogue")
        self._changed.set()

    def replicas(self, pool: str) -> tuple[Replica, ...]:
        """Return the pool's replicas, whatever their state; empty for an unknown pool."""
        found = self._pools.get(pool)
        return found[1] if found else ()

    def members(self, name: str) -> tuple[Pool, tuple[Replica, ...]] | None:
        """Return the pool and its replicas: the same object until the catalogue's pools change."""
        return self._pools.get(name)

    def pool(self, name: str) -> Pool | None:
        """Return the pool as the catalogue has it."""
        found = self._pools.get(name)
        return found[0] if found else None

    def all_replicas(self) -> list[Replica]:
        """Return every replica of every pool."""
        return [replica for _, replicas in self._pools.values() for replica in replicas]

    def adopt_with(self, adopt: Adopt) -> None:
        """Call `adopt` each time before a replica that was down or in doubt is used."""
        self._adopt = adopt

    def observe_with(self, observe: Observe) -> None:
        """Call `observe` each time a replica's gauges were read, before it is used."""
        self._observers.append(observe)

    def _build(
        self, pool: Pool, before: tuple[Pool, tuple[Replica, ...]] | None
    ) -> tuple[Replica, ...]:
        known: dict[str, Replica] = {}
        if before is not None and (before[0].engine, before[0].engine_key) == (
            pool.engine,
            pool.engine_key,
        ):
            known = {replica.url: replica for replica in before[1]}
        replicas: list[Replica] = []
        for url in dict.fromkeys(pool.replicas):
            try:
                replicas.append(known.get(url) or self._replica(pool, url))
            except ValueError as error:
                _log.error("pool %s: %s", pool.name, error)
        return tuple(replicas)

    def _replica(self, pool: Pool, url: str) -> Replica:
        return Replica(
            pool=pool.name,
            url=url,
            dialect=by_name(pool.engine),
            client=Client(url, key=pool.engine_key, connect_seconds=self._times.connect),
            ejection=Ejection(self._policy),
        )

    # What requests tell

    def succeeded(self, replica: Replica) -> None:
        """A request to the replica ended well."""
        replica.ejection.succeeded(self._clock.monotonic())

    def failed(self, replica: Replica, *, grave: bool = False) -> None:
        """A request failed by the replica's fault; it may be ejected, within the pool's share.

        A `grave` failure is sign enough by itself: the engine fell silent amid an answer.
        """
        now = self._clock.monotonic()
        siblings = self.replicas(replica.pool)
        others = [other for other in siblings if other is not replica]
        out = sum(1 for other in others if not other.ejection.admits(now))
        usable = any(other.ready and other.ejection.admits(now) for other in others)
        allowed = usable and (out + 1) <= len(siblings) * self._policy.max_share
        if replica.ejection.failed(now, allowed=allowed, grave=grave):
            self._ejections.labels(replica.pool).inc()
            _log.warning("replica ejected", extra={"pool": replica.pool, "replica": replica.url})
        replica.doubt()

    def busy(self, replica: Replica, seconds: float) -> None:
        """The engine asks to be left alone for `seconds`; others come first."""
        replica.busy_until = self._clock.monotonic() + min(seconds, self._policy.cap_seconds)

    # Probes

    async def probe_once(self) -> None:
        """Probe every replica once, all at the same time; for use before the first request."""
        await asyncio.gather(*(self._probe(r, doubted=True) for r in self.all_replicas()))

    async def run(self) -> None:
        """Keep one probe for each replica until cancelled."""
        try:
            while True:
                self._changed.clear()
                current = set(self.all_replicas())
                for replica in self._probes.keys() - current:
                    await self._retire(replica)
                for replica in current - self._probes.keys():
                    self._probes[replica] = asyncio.create_task(
                        self._watch(replica), name=f"probe {replica.url}"
                    )
                await self._changed.wait()
        finally:
            for replica in list(self._probes):
                await self._retire(replica)

    async def _retire(self, replica: Replica) -> None:
        task = self._probes.pop(replica)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        replica.client.close()
        with contextlib.suppress(KeyError):
            self._ready.remove(replica.pool, replica.url)

    async def _watch(self, replica: Replica) -> None:
        while True:
            doubted = replica.suspect.is_set()
            replica.suspect.clear()
            await self._probe(replica, doubted=doubted)
            pause = self._times.up if replica.ready else self._times.down
            with contextlib.suppress(TimeoutError):
                # A burst of failures asks once, not once each.
                await asyncio.wait_for(replica.suspect.wait(), pause)
                await asyncio.sleep(min(pause, 0.05))

    async def _probe(self, replica: Replica, *, doubted: bool) -> None:
        was_ready = replica.ready
        try:
            status, _ = await replica.client.fetch(replica.dialect.health, self._times.call)
            if status != 200:
                self._down(replica, f"its health check answers {status}")
                return
            restarted = await self._read_gauges(replica)
            if not was_ready or doubted or restarted:
                await self._read_card(replica)
                if self._adopt is not None:
                    await self._adopt(replica)
        except EngineTimeout as error:
            replica.late += 1
            if replica.late >= self._times.late:
                self._down(replica, str(error))
            return
        except EngineError as error:
            self._down(replica, str(error))
            return
        replica.late = 0
        if not replica.ready:
            _log.info("replica ready", extra={"pool": replica.pool, "replica": replica.url})
        replica.ready = replica.seen = True
        self._ready.labels(replica.pool, replica.url).set(1)

    async def _read_gauges(self, replica: Replica) -> bool:
        """Refresh the gauges; tell whether the engine was started anew since the last time."""
        call = replica.dialect.metrics
        if call is None:
            return False
        status, body = await replica.client.fetch(call, self._times.call)
        if status != 200:
            return False
        before, replica.gauges = replica.gauges, replica.dialect.gauges(body)
        for observe in self._observers:
            observe(replica)
        return before.start_time is not None and before.start_time != replica.gauges.start_time

    async def _read_card(self, replica: Replica) -> None:
        call = replica.dialect.card
        if call is None:
            return
        status, body = await replica.client.fetch(call, self._times.call)
        card = replica.dialect.read_card(body) if status == 200 else None
        if card is None:
            raise MalformedAnswer(f"The engine's {call.path} cannot be read (status {status}).")
        replica.introduced(card)

    def _down(self, replica: Replica, reason: str) -> None:
        if replica.ready:
            _log.warning(
                "replica down: %s", reason, extra={"pool": replica.pool, "replica": replica.url}
            )
        replica.ready = False
        replica.reason = reason
        self._ready.labels(replica.pool, replica.url).set(0)
