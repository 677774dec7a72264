"""The sum of several workers' metrics."""

from __future__ import annotations

from argosy.gateway.standalone.exposition import add_up
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.registry import Collector


def exposition(requests: int, ready: int, waiting: int, seconds: float) -> str:
    registry = CollectorRegistry()
    counter = Counter("requests", "Requests.", ["outcome"], registry=registry)
    counter.labels("ok").inc(requests)
    Gauge("replica_ready", "Whether it is.", registry=registry).set(ready)
    Gauge("queued", "Waiting.", registry=registry).set(waiting)
    Gauge("process_resident_memory_bytes", "Memory.", registry=registry).set(5)
    histogram = Histogram("seconds", "Time.", buckets=(0.1, 1.0), registry=registry)
    histogram.observe(seconds)
    return generate_latest(registry).decode()


def test_counts_add_and_states_do_not() -> None:
    families = add_up([exposition(3, 1, 2, 0.05), exposition(4, 1, 5, 0.5)])
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }
    assert values == {
        ("requests_total", "ok"): 7,
        ("replica_ready",): 1,
        ("queued",): 7,
        ("seconds_bucket", "0.1"): 1,
        ("seconds_bucket", "1.0"): 2,
        ("seconds_bucket", "+Inf"): 2,
        ("seconds_count",): 2,
        ("seconds_sum",): 0.55,
    }


def test_the_sum_can_be_scraped_again() -> None:
    class Sum(Collector):
        def collect(self):  # type: ignore[no-untyped-def]
            return add_up([exposition(1, 1, 0, 2.0), exposition(1, 0, 0, 2.0)])

    registry = CollectorRegistry()
    registry.register(Sum())
    text = generate_latest(registry).decode()
    assert 'requests_total{outcome="ok"} 2.0' in text
    assert 'seconds_bucket{le="+Inf"} 2.0' in text
