"""The lane's metrics: plain numbers that a request adds to, made into samples when scraped.

What OpenTelemetry's semantic conventions for generative AI name has their name, their labels and
their bounds of buckets; the rest is `argosy_gateway_…`. Labels come from closed lists and from the
catalogue, not from requests: a model is its base model. A counter of prometheus_client costs more
than a request's routing; these cost an addition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from argosy.gateway.errors import Outcome
from argosy.gateway.histogram import Histogram
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

# https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics: names, labels and bounds.
_PROVIDER: Final = "argosy"
_OK: Final = Outcome.OK
_OPERATIONS: Final = {
    "chat": "chat",
    "completion": "text_completion",
    "embedding": "embeddings",
    # The conventions have no name for it.
    "reward": "reward",
}
_DURATION: Final[Sequence[float]] = (
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
)  # fmt: skip
_FIRST_TOKEN: Final[Sequence[float]] = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
_OUTPUT_TOKEN: Final[Sequence[float]] = (
    0.01,
    0.025,
    0.05,
    0.075,
    0.1,
    0.15,
    0.2,
    0.3,
    0.4,
    0.5,
    0.75,
    1.0,
    2.5,
)
_USAGE: Final[Sequence[float]] = tuple(float(4**power) for power in range(14))


class _Slot:
    """What is counted of one operation of one model."""

    __slots__ = ("failed", "first_token", "output_token", "read", "seconds", "written")

    def __init__(self) -> None:
        self.seconds = Histogram(_DURATION)
        # Of requests that ended in another way than well.
        self.failed: dict[Outcome, Histogram] = {}
        self.first_token = Histogram(_FIRST_TOKEN)
        self.output_token = Histogram(_OUTPUT_TOKEN)
        self.read = Histogram(_USAGE)
        self.written = Histogram(_USAGE)

    def durations(self) -> Iterator[tuple[Outcome, Histogram]]:
        """Yield the times of requests by how they ended; of successes only where there were any."""
        if self.seconds.count:
            yield Outcome.OK, self.seconds
        yield from self.failed.items()


class LaneMetrics(Collector):
    """Counts requests by how they end, and what they take."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.in_flight = 0
        self._slots: dict[tuple[str, str], _Slot] = {}
        self._fallbacks: dict[str, int] = {}
        registry.register(self)

    def ended(
        self,
        operation: str,
        model: str,
        outcome: Outcome,
        seconds: float,
        *,
        first: float = 0.0,
        read: int = 0,
        written: int = 0,
    ) -> None:
        """A request has ended; `model` is the base model, empty if it never came to one.

        `first` is the time to a stream's first token, 0 if there was none; the engine read and
        wrote so many tokens. The time of an output token is the mean over those after the first,
        as the conventions say.
        """
        slot = self._slots.get((operation, model))
        if slot is None:
            slot = self._slots[operation, model] = _Slot()
        if outcome is _OK:
            slot.seconds.observe(seconds)
        else:
            slot.failed.setdefault(outcome, Histogram(_DURATION)).observe(seconds)
        if first:
            slot.first_token.observe(first)
            if written > 1:
                slot.output_token.observe((seconds - first) / (written - 1))
        if read:
            slot.read.observe(read)
        if written:
            slot.written.observe(written)

    def fell_back(self, route: str) -> None:
        """A model of the route could not serve, and the next one is asked."""
        self._fallbacks[route] = self._fallbacks.get(route, 0) + 1

    def collect(self) -> Iterator[Metric]:
        """Return the numbers as they are now; called at each scrape."""
        yield self._requests()
        yield from self._durations()
        yield self._usage()
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

    def _requests(self) -> Metric:
        requests = CounterMetricFamily(
            "argosy_gateway_requests",
            "Requests of the lane by their end.",
            labels=["operation", "outcome"],
        )
        counts: dict[tuple[str, Outcome], int] = {}
        for (operation, _), slot in self._slots.items():
            for outcome, histogram in slot.durations():
                key = (operation, outcome)
                counts[key] = counts.get(key, 0) + histogram.count
        for (operation, outcome), count in counts.items():
            requests.add_metric([operation, outcome.value], count)
        return requests

    def _durations(self) -> Iterator[Metric]:
        whole = HistogramMetricFamily(
            "gen_ai_server_request_duration_seconds",
            "Time from a request's head to the end of its answer.",
            labels=[
                "gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model",
                "error_type",
            ],
        )  # fmt: skip
        for (operation, model), slot in self._slots.items():
            for outcome, seconds in slot.durations():
                error = "" if outcome is Outcome.OK else outcome.value
                _add(whole, [*_names(operation, model), error], seconds)
        yield whole
        first = HistogramMetricFamily(
            "gen_ai_server_time_to_first_token_seconds",
            "Time from a request's head to the first token of a stream.",
            labels=["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"],
        )
        each = HistogramMetricFamily(
            "gen_ai_server_time_per_output_token_seconds",
            "Time between tokens of a stream after its first: one value a stream, their mean.",
            labels=["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"],
        )
        for (operation, model), slot in self._slots.items():
            if slot.first_token.count:
                _add(first, _names(operation, model), slot.first_token)
                _add(each, _names(operation, model), slot.output_token)
        yield from (first, each)

    def _usage(self) -> Metric:
        usage = HistogramMetricFamily(
            "gen_ai_client_token_usage",
            "Tokens that engines read and wrote, one value a request and kind.",
            labels=[
                "gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model",
                "gen_ai_token_type",
            ],
        )  # fmt: skip
        for (operation, model), slot in self._slots.items():
            for kind, histogram in (("input", slot.read), ("output", slot.written)):
                if histogram.count:
                    _add(usage, [*_names(operation, model), kind], histogram)
        return usage


def _names(operation: str, model: str) -> list[str]:
    return [_OPERATIONS.get(operation, operation), _PROVIDER, model]


def _add(family: HistogramMetricFamily, labels: list[str], histogram: Histogram) -> None:
    family.add_metric(labels, histogram.buckets(), histogram.total)
