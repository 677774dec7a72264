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
        metrics.ended("chat", "m", Outcome.OK, seconds)
    metrics.ended("chat", "other", Outcome.OK, 0.02)
    metrics.ended("completion", "", Outcome.NO_REPLICA, 0.2)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert value("argosy_gateway_requests_in_flight") == 2
    assert value("argosy_gateway_requests_total", operation="chat", outcome="ok") == 4
    name = "gen_ai_server_request_duration_seconds"
    chat = of("chat", "m") | {"error_type": ""}
    assert value(f"{name}_bucket", **chat, le="0.01") == 1
    assert value(f"{name}_bucket", **chat, le="0.02") == 2
    assert value(f"{name}_bucket", **chat, le="81.92") == 2
    assert value(f"{name}_bucket", **chat, le="+Inf") == 3
    assert value(f"{name}_count", **chat) == 3
    assert value(f"{name}_sum", **chat) == 700.03
    failed = of("text_completion", "") | {"error_type": "no_replica"}
    assert value(f"{name}_count", **failed) == 1
    assert f"# TYPE {name} histogram".encode() in generate_latest(registry)


def test_a_stream_has_a_first_token_and_a_pace() -> None:
    registry = CollectorRegistry()
    metrics = LaneMetrics(registry)
    metrics.ended("chat", "m", Outcome.OK, 1.3, first=0.3, written=11)
    # Of one token nobody knows the pace.
    metrics.ended("chat", "m", Outcome.CLIENT_DISCONNECTED, 0.2, first=0.2, written=1)
    first = "gen_ai_server_time_to_first_token_seconds"
    assert registry.get_sample_value(f"{first}_count", of("chat", "m")) == 2
    assert registry.get_sample_value(f"{first}_sum", of("chat", "m")) == 0.5
    pace = "gen_ai_server_time_per_output_token_seconds"
    assert registry.get_sample_value(f"{pace}_count", of("chat", "m")) == 1
    assert registry.get_sample_value(f"{pace}_sum", of("chat", "m")) == 0.1


def test_tokens_are_told_apart_by_kind() -> None:
    registry = CollectorRegistry()
    metrics = LaneMetrics(registry)
    metrics.ended("chat", "m", Outcome.OK, 1.0, read=5, written=7)
    metrics.ended("chat", "m", Outcome.OK, 1.0, read=1)

    def usage(form: str, kind: str) -> float | None:
        labels = of("chat", "m") | {"gen_ai_token_type": kind}
        return registry.get_sample_value(f"gen_ai_client_token_usage_{form}", labels)

    assert usage("sum", "input") == 6
    assert usage("count", "input") == 2
    assert usage("sum", "output") == 7
    # A request that wrote nothing is no value: an embedding has no output.
    assert usage("count", "output") == 1


def of(operation: str, model: str) -> dict[str, str]:
    return {
        "gen_ai_operation_name": operation,
        "gen_ai_provider_name": "argosy",
        "gen_ai_request_model": model,
    }
