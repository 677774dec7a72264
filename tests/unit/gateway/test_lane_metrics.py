"""The lane's numbers as Prometheus sees them."""

from __future__ import annotations

from argosy.gateway.errors import Outcome
from argosy.gateway.lane.metrics import LaneMetrics
from prometheus_client import CollectorRegistry, generate_latest


def test_what_is_counted_is_scraped() -> None:
    registry = CollectorRegistry()
    metrics = LaneMetrics(registry)
    metrics.in_flight += 2
    for seconds in (0.01, 0.02, 700.0):
        metrics.ended("chat", Outcome.OK, seconds)
    metrics.ended("completion", Outcome.NO_REPLICA, 0.2)
    metrics.first_token("chat", 0.3)
    metrics.tokens("m", 5, 7)
    metrics.tokens("m", 1, 0)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert value("argosy_gateway_requests_in_flight") == 2
    assert value("argosy_gateway_requests_total", operation="chat", outcome="ok") == 3
    name = "argosy_gateway_request_seconds"
    assert value(f"{name}_bucket", operation="chat", le="0.01") == 1
    assert value(f"{name}_bucket", operation="chat", le="0.025") == 2
    assert value(f"{name}_bucket", operation="chat", le="600.0") == 2
    assert value(f"{name}_bucket", operation="chat", le="+Inf") == 3
    assert value(f"{name}_count", operation="chat") == 3
    assert value(f"{name}_sum", operation="chat") == 700.03
    assert value("argosy_gateway_first_token_seconds_count", operation="chat") == 1
    assert value("argosy_gateway_tokens_total", model="m", kind="input") == 6
    assert value("argosy_gateway_tokens_total", model="m", kind="output") == 7
    assert b"# TYPE argosy_gateway_request_seconds histogram" in generate_latest(registry)
