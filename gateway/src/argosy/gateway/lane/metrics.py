"""The lane's metrics. Labels come from closed lists and from the catalogue, not from requests."""

from __future__ import annotations

from argosy.gateway.errors import Outcome
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0)


class LaneMetrics:
    """Counts requests by how they end, and what they take."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "argosy_gateway_requests",
            "Requests of the lane by their end.",
            ["operation", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "argosy_gateway_request_seconds",
            "Time from a request's head to the end of its answer.",
            ["operation"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._first_token = Histogram(
            "argosy_gateway_first_token_seconds",
            "Time from a request's head to the first token of a stream.",
            ["operation"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._tokens = Counter(
            "argosy_gateway_tokens",
            "Tokens read and written by engines; `model` is the base model.",
            ["model", "kind"],
            registry=registry,
        )
        self.in_flight = Gauge(
            "argosy_gateway_requests_in_flight",
            "Requests of the lane under way.",
            registry=registry,
        )

    def ended(self, operation: str, outcome: Outcome, seconds: float) -> None:
        """A request has ended."""
        self._requests.labels(operation, outcome.value).inc()
        self._seconds.labels(operation).observe(seconds)

    def first_token(self, operation: str, seconds: float) -> None:
        """The first token of a stream went to the client."""
        self._first_token.labels(operation).observe(seconds)

    def tokens(self, model: str, *, read: int, written: int) -> None:
        """An engine's work for one request."""
        self._tokens.labels(model, "input").inc(read)
        self._tokens.labels(model, "output").inc(written)
