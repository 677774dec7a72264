"""What is measured, in words and units, and what Argosy sets itself as a goal. Pure.

Goals are ratios to a rival of the same run, since a machine's speed changes from run to run; those
that no rival has are bare limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benchmarks.results import ARGOSY, DIRECT, NGINX, VLLM_ROUTER, Results
from benchmarks.statistics import ratio


@dataclass(frozen=True)
class Metric:
    """A row of the table."""

    name: str
    words: str
    unit: str


METRICS: Final = (
    Metric("request_cpu", "CPU a request, 32 connections", "µs"),
    Metric("request_rate", "requests a second, 32 connections", "1/s"),
    Metric("added_latency", "median latency added, 1 connection", "µs"),
    Metric("chunk_cpu", "CPU a chunk, 64 streams × 10 ms", "µs"),
    Metric("added_ttft", "median TTFT added, 64 streams × 10 ms", "µs"),
    Metric("gap_p99", "p99 gap, 1,000 streams × 50 ms", "ms"),
    Metric("resident", "resident memory of a worker", "MB"),
    Metric("workers_cpu", "CPU a request with 2 workers / with 1", ""),
    Metric("workers_rate", "requests a second with 2 workers / with 1", ""),
    Metric("limit_error", "requests let through / limit − 1, 2 workers", "%"),
    Metric("goodput", "goodput at 10 × load / peak", ""),
    Metric("refusal_p99", "p99 time to a refusal at 10 × load", "ms"),
    Metric("flood_cpu", "CPU a request at 10 × load, most of them refused", "µs"),
    Metric("metered", "requests in the usage log / requests answered", ""),
)


@dataclass(frozen=True)
class Goal:
    """Argosy's `metric` is at most `limit`, times the figure of `base` if there is one."""

    metric: str
    limit: float
    base: str | None = None
    at_least: bool = False

    def value(self, results: Results) -> float | None:
        """Return what is held against `limit`, None if it was not measured."""
        own = results.median(self.metric, ARGOSY)
        return own if self.base is None else ratio(own, results.median(self.metric, self.base))

    def met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


GOALS: Final = (
    Goal("request_cpu", 2.4, NGINX),
    Goal("request_cpu", 0.5, VLLM_ROUTER),
    Goal("added_latency", 1.2, NGINX),
    Goal("chunk_cpu", 1.1, NGINX),
    Goal("added_ttft", 1.6, NGINX),
    Goal("gap_p99", 1.2, DIRECT),
    Goal("resident", 60.0),
    Goal("limit_error", 2.0),
    Goal("goodput", 0.9, at_least=True),
    Goal("refusal_p99", 100.0),
    Goal("metered", 1.0, at_least=True),
)
