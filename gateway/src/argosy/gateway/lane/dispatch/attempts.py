"""Counts what the dispatcher asks of engines; plain numbers, made into samples when scraped."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector


class Attempts(Collector):
    """Requests sent to engines. Pools' and models' names come from the catalogue."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.first = 0
        self.retries = 0
        # Retries that the budget did not allow, by pool.
        self.denied: dict[str, int] = {}
        registry.register(self)

    def refuse(self, pool: str) -> None:
        """A request would have been tried again, but the pool's budget was used up."""
        self.denied[pool] = self.denied.get(pool, 0) + 1

    def collect(self) -> Iterator[Metric]:
        """Return the numbers as they are now."""
        attempts = CounterMetricFamily(
            "argosy_gateway_upstream_attempts",
            "Requests sent to engines; `retry` counts those beyond a request's first.",
            labels=["kind"],
        )
        attempts.add_metric(["first"], self.first)
        attempts.add_metric(["retry"], self.retries)
        yield attempts
        denied = CounterMetricFamily(
            "argosy_gateway_retries_denied",
            "Requests that failed without a second try because the pool's budget was used up.",
            labels=["pool"],
        )
        for pool, count in self.denied.items():
            denied.add_metric([pool], count)
        yield denied
