"""Ten times what the engine can do: how much useful work is left, and how soon the rest hears no.

The engine takes 50 ms an answer and the pool admits 32 requests, so 640 requests a second are the
most that can be served. Peak goodput is a closed loop of 32 clients; then ten times the peak is
offered by clients that keep to their plan.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from benchmarks.client import Load
from benchmarks.ready import KEY
from benchmarks.results import ARGOSY, Results
from benchmarks.site import Site
from benchmarks.targets import Setup, argosy

_SLOTS: Final = 32
_ANSWER_MS: Final = 50
_TIMES: Final = 10
_CLIENTS: Final = 1000


def measure(site: Site, seconds: float) -> Results:
    """Return `goodput` (share of the peak), `refusal_p99` (ms) and `flood_cpu` (µs a request).

    Raises LoadError.
    """
    setup = Setup(concurrency=_SLOTS, queue=2 * _SLOTS, queue_seconds=1.0)
    results = Results()
    with argosy(site, setup) as target:
        peak = Load("json", _SLOTS, seconds, interval_ms=_ANSWER_MS, key=KEY)
        best = site.put(peak, target.port)
        best.check()
        flood = replace(peak, connections=_CLIENTS, rate=_TIMES * best.rate)
        before = target.cpu_ns()
        report = site.put(flood, target.port)
        cpu_ns = target.cpu_ns() - before
        report.check(refusals_are_fine=True)
    results.add("goodput", ARGOSY, report.rate / best.rate)
    results.add("refusal_p99", ARGOSY, report.refusal.p99 / 1e3)
    results.add("flood_cpu", ARGOSY, cpu_ns / 1e3 / (report.answered + report.refused))
    print(
        f"overload: peak {best.rate:,.0f}/s; offered {report.offered:,.0f}/s, "
        f"served {report.rate:,.0f}/s, refused {report.refused:,}"
    )
    return results
