"""What the engines tell of their load, and which of them are set aside, when it is asked.

Reads what the probes found last. Asks no engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from argosy.gateway.engines.replica import Replica
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class EngineGauges(Collector):
    """Gauges of all replicas. `now` is the time that ejections go by."""

    def __init__(
        self,
        replicas: Callable[[], Sequence[Replica]],
        now: Callable[[], float],
        registry: CollectorRegistry,
    ) -> None:
        self._replicas = replicas
        self._now = now
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Return one sample for each replica, or for each pool."""
        yield from self._loads()
        yield self._ejected()

    def _loads(self) -> Iterator[Metric]:
        cache = GaugeMetricFamily(
            "argosy_gateway_replica_kv_cache_ratio",
            "Share of the engine's KV cache that is in use, as the engine told last.",
            labels=["pool", "replica"],
        )
        requests = GaugeMetricFamily(
            "argosy_gateway_replica_requests",
            "Requests in the engine by state, as the engine told last: running or waiting.",
            labels=["pool", "replica", "state"],
        )
        for replica in self._replicas():
            # What a dead engine told last is no longer so.
            if not replica.ready or replica.dialect.metrics is None:
                continue
            where, told = [replica.pool, replica.url], replica.gauges
            cache.add_metric(where, told.kv_cache_usage)
            requests.add_metric([*where, "running"], told.running)
            requests.add_metric([*where, "waiting"], told.waiting)
        yield from (cache, requests)

    def _ejected(self) -> Metric:
        now = self._now()
        out: dict[str, int] = {}
        for replica in self._replicas():
            out[replica.pool] = out.get(replica.pool, 0) + (not replica.ejection.admits(now))
        family = GaugeMetricFamily(
            "argosy_gateway_replicas_ejected",
            "Replicas that are set aside for failing, or on trial.",
            labels=["pool"],
        )
        for pool, count in out.items():
            family.add_metric([pool], count)
        return family
