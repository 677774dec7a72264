"""Two workers beside one: what a request costs, what they do together, whether limits hold."""

from __future__ import annotations

from typing import Final

from benchmarks.client import Load
from benchmarks.ready import KEY
from benchmarks.results import ARGOSY, Results
from benchmarks.site import Site
from benchmarks.statistics import ratio
from benchmarks.targets import Setup, argosy

_LIMIT: Final = 2000
_LIMITED_KEY: Final = "sk-limited-0123456789abcdef"
_LIMITED: Final = f"""
[[key]]
name = "limited"
secret = "{_LIMITED_KEY}"
project = "limited"
requests_per_minute = {_LIMIT}
"""


def measure(site: Site, seconds: float) -> Results:
    """Return `workers_cpu`, `limit_error` (%) and, given the processors, `workers_rate`."""
    results = Results()
    cost: dict[int, float] = {}
    rate: dict[int, float] = {}
    load = Load("json", connections=64, seconds=seconds, key=KEY)
    roomy = site.with_cores(2)
    for workers in (1, 2):
        with argosy(roomy, Setup(workers=workers, more=_LIMITED)) as target:
            before = target.cpu_ns()
            report = roomy.put(load, target.port)
            report.check()
            cost[workers] = (target.cpu_ns() - before) / report.answered
            rate[workers] = report.rate
            if workers == 2:
                results.add("limit_error", ARGOSY, _limit_error(roomy, target.port))
    results.add("workers_cpu", ARGOSY, ratio(cost[2], cost[1]))
    if len(roomy.cores.gateway) > 1:
        results.add("workers_rate", ARGOSY, ratio(rate[2], rate[1]))
    return results


def _limit_error(site: Site, port: int) -> float:
    """Offer twice what a key may send in a minute, over both workers, within a few seconds."""
    load = Load("json", connections=64, seconds=4.0, key=_LIMITED_KEY, rate=_LIMIT / 2)
    report = site.put(load, port)
    report.check(refusals_are_fine=True)
    print(f"limit: {report.answered:,} of {report.started:,} let through, limit {_LIMIT:,}")
    return abs(report.answered / _LIMIT - 1) * 100
