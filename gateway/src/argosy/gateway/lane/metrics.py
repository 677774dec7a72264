"""The lane's metrics: plain numbers that a request adds to, made into samples when scraped.

What OpenTelemetry's semantic conventions for generative AI name has their name, their labels and
their bounds of buckets; the rest is `argosy_gateway_…`. Labels come from closed lists and from the
catalogue, not from requests: a model is its base model. A counter of prometheus_client costs more
than a request's routing; these cost an addition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
_OPERATIONS: Final = {
    "chat": "chat",
    "completion": "text_completion",
    "embedding": "embeddings",
    # The conventions have no name for it.
    "reward": "reward",
}
_DURATION: Final = (
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
)  # fmt: skip
_FIRST_TOKEN: Final = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
_OUTPUT_TOKEN: Final = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
_USAGE: Final = tuple(float(4**power) for power in range(14))


class _Stream:
    """Times of the streams of one operation of one model."""

    __slots__ = ("first_token", "output_token")

    def __init__(self) -> None:
        self.first_token = Histogram(_FIRST_TOKEN)
        self.output_token = Histogram(_OUTPUT_TOKEN)


class _Tokens:
    """Tokens of the requests of one operation of one model."""

    __slots__ = ("read", "written")

    def __init__(self) -> None:
        self.read = Histogram(_USAGE)
        self.written = Histogram(_USAGE)


class LaneMetrics(Collector):
    """Counts requests by how they end, and what they take."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.in_flight = 0
        self._seconds: dict[tuple[str, str, Outcome], Histogram] = {}
        self._streams: dict[tuple[str, str], _Stream] = {}
        self._tokens: dict[tuple[str, str], _Tokens] = {}
        self._fallbacks: dict[str, int] = {}
        registry.register(self)

    def ended(self, operation: str, model: str, outcome: Outcome, seconds: float) -> None:
        """A request has ended; `model` is the base model, empty if it never came to one."""
        key = (operation, model, outcome)
        found = self._seconds.get(key)
        if found is None:
            found = self._seconds[key] = Histogram(_DURATION)
        found.observe(seconds)

    def streamed(
        self, operation: str, model: str, first: float, seconds: float, written: int
    ) -> None:
        """A stream ended after `seconds`, its first token after `first`; it had `written` tokens.

        The time of an output token is the mean over those after the first, as the conventions say.
        """
        key = (operation, model)
        found = self._streams.get(key)
        if found is None:
            found = self._streams[key] = _Stream()
        found.first_token.observe(first)
        if written > 1:
            found.output_token.observe((seconds - first) / (written - 1))

    def tokens(self, operation: str, model: str, read: int, written: int) -> None:
        """An engine's work for one request."""
        key = (operation, model)
        found = self._tokens.get(key)
        if found is None:
            found = self._tokens[key] = _Tokens()
        if read:
            found.read.observe(read)
        if written:
            found.written.observe(written)

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
        for (operation, _, outcome), histogram in self._seconds.items():
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
        for (operation, model, outcome), seconds in self._seconds.items():
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
        for (operation, model), stream in self._streams.items():
            _add(first, _names(operation, model), stream.first_token)
            _add(each, _names(operation, model), stream.output_token)
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
        for (operation, model), tokens in self._tokens.items():
            kinds: Mapping[str, Histogram] = {"input": tokens.read, "output": tokens.written}
            for kind, histogram in kinds.items():
                _add(usage, [*_names(operation, model), kind], histogram)
        return usage


def _names(operation: str, model: str) -> list[str]:
    return [_OPERATIONS.get(operation, operation), _PROVIDER, model]


def _add(family: HistogramMetricFamily, labels: list[str], histogram: Histogram) -> None:
    family.add_metric(labels, histogram.buckets(), histogram.total)
