"""Which runs give figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.client import Durations, LoadError, Report
from benchmarks.compare import read
from benchmarks.results import ARGOSY, DIRECT, NGINX, Results
from benchmarks.scenarios import Run, scenarios

_TIMES = Durations(count=10, p05=1.0, p50=100.0, p90=3.0, p99=50_000.0, max=5.0)
_REPORT = Report(
    seconds=1.0, started=10, answered=10, rate=10.0, offered=10.0, refused=0, wrong=0, reset=0,
    unfinished=0, hangups=0, connects=1, chunks=1000, latency=_TIMES, ttft=_TIMES, gap=_TIMES,
    delay=_TIMES, refusal=_TIMES, error="",
)  # fmt: skip
_SLOWER = replace(_TIMES, p50=250.0)
_JSON, _SINGLE, _STREAMS, _MANY = scenarios(1.0)


def _runs(report: Report) -> dict[str, Run]:
    return {DIRECT: Run(_REPORT, 0), NGINX: Run(_REPORT, 5_000), ARGOSY: Run(report, 2_000_000)}


def test_cpu_is_per_request_or_chunk_in_microseconds() -> None:
    results = Results()
    read(_JSON, _runs(_REPORT), results)
    read(_STREAMS, _runs(_REPORT), results)
    assert results.median("request_cpu", ARGOSY) == 200.0
    assert results.median("chunk_cpu", ARGOSY) == 2.0
    assert results.median("request_cpu", DIRECT) is None


def test_latencies_are_what_a_gateway_adds() -> None:
    results = Results()
    slower = replace(_REPORT, latency=_SLOWER, ttft=_SLOWER)
    read(_SINGLE, _runs(slower), results)
    read(_STREAMS, _runs(slower), results)
    assert results.median("added_latency", ARGOSY) == 150.0
    assert results.median("added_ttft", ARGOSY) == 150.0
    assert results.median("added_latency", NGINX) == 0.0


def test_gaps_are_in_milliseconds() -> None:
    results = Results()
    read(_MANY, _runs(_REPORT), results)
    assert results.median("gap_p99", DIRECT) == 50.0


def test_a_gateway_that_loses_data_has_no_figures() -> None:
    results = Results()
    read(_JSON, _runs(replace(_REPORT, wrong=1, error="one byte off")), results)
    assert results.median("request_cpu", ARGOSY) is None
    assert results.median("request_cpu", NGINX) == 0.5
    assert len(results.failures) == 1
    assert "argosy, json" in results.failures[0]
    assert "one byte off" in results.failures[0]


def test_without_the_engine_there_is_nothing_to_compare() -> None:
    runs = _runs(_REPORT) | {DIRECT: Run(replace(_REPORT, reset=1), 0)}
    with pytest.raises(LoadError):
        read(_JSON, runs, Results())
