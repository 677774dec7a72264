"""The loads that every target gets, and the figures that are read from each.

Knows loads and reports. Does not know how targets are started, nor goals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.client import Load, Report
from benchmarks.ready import KEY

_NS_PER_US: Final = 1e3
_US_PER_MS: Final = 1e3


@dataclass(frozen=True)
class Run:
    """One load on one target: what clients saw and the CPU time of the gateway's processes."""

    report: Report
    cpu_ns: int


# (the run on a target, the run on the engine itself in the same round) → the figure
Figure = Callable[[Run, Run], float | None]


@dataclass(frozen=True)
class Scenario:
    """A load and the metrics (of goals.METRICS) that it gives."""

    name: str
    load: Load
    figures: Mapping[str, Figure]


def _request_cpu(run: Run, direct: Run) -> float | None:
    return None if run is direct else run.cpu_ns / _NS_PER_US / run.report.answered


def _chunk_cpu(run: Run, direct: Run) -> float | None:
    return None if run is direct else run.cpu_ns / _NS_PER_US / run.report.chunks


def _added_latency(run: Run, direct: Run) -> float | None:
    return None if run is direct else run.report.latency.p50 - direct.report.latency.p50


def _added_ttft(run: Run, direct: Run) -> float | None:
    return None if run is direct else run.report.ttft.p50 - direct.report.ttft.p50


def scenarios(seconds: float) -> tuple[Scenario, ...]:
    """Return the scenarios, each load lasting `seconds` and what its last streams take."""
    return (
        Scenario(
            "json",
            Load("json", connections=32, seconds=seconds, key=KEY),
            {"request_cpu": _request_cpu, "request_rate": lambda run, _: run.report.rate},
        ),
        Scenario(
            "single",
            Load("json", connections=1, seconds=seconds, key=KEY),
            {"added_latency": _added_latency},
        ),
        Scenario(
            "streams",
            Load("stream", connections=64, seconds=seconds, chunks=100, interval_ms=10, key=KEY),
            {"chunk_cpu": _chunk_cpu, "added_ttft": _added_ttft},
        ),
        Scenario(
            "many",
            Load("stream", connections=1000, seconds=seconds, chunks=40, interval_ms=50, key=KEY),
            {"gap_p99": lambda run, _: run.report.gap.p99 / _US_PER_MS},
        ),
    )
