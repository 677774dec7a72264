"""The lane's metrics: plain numbers that a request adds to, made into samples when scraped.

Labels come from closed lists and from the catalogue, not from requests. A counter of
prometheus_client costs more than a request's routing; these cost an addition.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from argosy.gateway.errors import Outcome
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0)


class _Histogram:
    """Counts of durations by bucket, the last one without bound, and their sum."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(_SECONDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(_SECONDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Return the bounds with the counts up to them, as Prometheus wants them."""
        below = 0
        found: list[tuple[str, float]] = []
        for bound, count in zip((*_SECONDS, float("inf")), self.counts, strict=True):
            below += count
            found.append(("+Inf" if bound == float("inf") else str(bound), float(below)))
        return found


class LaneMetrics(Collector):
    """Counts requests by how they end, and what they take."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.in_flight = 0
        self._requests: dict[tuple[str, Outcome], int] = {}
        self._seconds: dict[str, _Histogram] = {}
        self._first_token: dict[str, _Histogram] = {}
        self._tokens: dict[str, list[int]] = {}
        self._fallbacks: dict[str, int] = {}
        registry.register(self)

    def ended(self, operation: str, outcome: Outcome, seconds: float) -> None:
        """A request has ended."""
        key = (operation, outcome)
        self._requests[key] = self._requests.get(key, 0) + 1
        found = self._seconds.get(operation)
        if found is None:
            found = self._seconds[operation] = _Histogram()
        found.observe(seconds)

    def first_token(self, operation: str, seconds: float) -> None:
        """The first token of a stream went to the client."""
        found = self._first_token.get(operation)
        if found is None:
            found = self._first_token[operation] = _Histogram()
        found.observe(seconds)

    def tokens(self, model: str, read: int, written: int) -> None:
        """An engine's work for one request."""
        found = self._tokens.get(model)
        if found is None:
            found = self._tokens[model] = [0, 0]
        found[0] += read
        found[1] += written

    def fell_back(self, route: str) -> None:
        """A model of the route could not serve, and the next one is asked."""
        self._fallbacks[route] = self._fallbacks.get(route, 0) + 1

    def collect(self) -> Iterator[Metric]:
        """Return the numbers as they are now; called at each scrape."""
        requests = CounterMetricFamily(
            "argosy_gateway_requests",
            "Requests of the lane by their end.",
            labels=["operation", "outcome"],
        )
        for (operation, outcome), count in self._requests.items():
            requests.add_metric([operation, outcome.value], count)
        yield requests
        whole = HistogramMetricFamily(
            "argosy_gateway_request_seconds",
            "Time from a request's head to the end of its answer.",
            labels=["operation"],
        )
        yield _filled(whole, self._seconds)
        first = HistogramMetricFamily(
            "argosy_gateway_first_token_seconds",
            "Time from a request's head to the first token of a stream.",
            labels=["operation"],
        )
        yield _filled(first, self._first_token)
        tokens = CounterMetricFamily(
            "argosy_gateway_tokens",
            "Tokens read and written by engines; `model` is the base model.",
            labels=["model", "kind"],
        )
        for model, (read, written) in self._tokens.items():
            tokens.add_metric([model, "input"], read)
            tokens.add_metric([model, "output"], written)
        yield tokens
        fallbacks = CounterMetricFamily(
            "argosy_gateway_fallbacks",
            "Times that a model of a route could not serve and the next one was asked.",
            labels=["route"],
        )
        for name, count in self._fallbacks.items():
            fallbacks.add_metric([name], count)
        yield fallbacks
        yield GaugeMetricFamily(
            "argosy_gateway_requests_in_flight",
            "Requests of the lane under way.",
            value=self.in_flight,
        )


def _filled(family: HistogramMetricFamily, found: dict[str, _Histogram]) -> HistogramMetricFamily:
    for operation, histogram in found.items():
        family.add_metric([operation], histogram.buckets(), histogram.total)
    return family
