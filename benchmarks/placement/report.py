"""What the simulations amount to, in tables that Markdown shows as such."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from benchmarks.placement.simulation import Result
from benchmarks.placement.traces import Shape

OURS: Final = "argosy"
# Goals of issue 3: p99 over the best rival's, loads over the offline bound.
P99: Final = 0.70
BOUND: Final = 1.2


@dataclass(frozen=True, slots=True)
class Row:
    """One policy on one shape, a result a seed; `bounds` are Belady's loads, free and held."""

    shape: Shape
    policy: str
    results: list[Result]
    bounds: list[tuple[int, int]]

    def mean(self, value: Callable[[Result], float]) -> float:
        """Return the mean over the seeds."""
        return fmean(value(result) for result in self.results)

    def over_bound(self, which: int) -> float:
        """Return loads over Belady's: 0 with all slots free, 1 with those in use held."""
        return fmean(
            result.loads / bound[which]
            for result, bound in zip(self.results, self.bounds, strict=True)
        )


def table(rows: Sequence[Row]) -> str:
    """Return the policies of one shape side by side."""
    shape = rows[0].shape
    lines = [
        f"### {shape.name}: {shape.adapters} adapters, Zipf {shape.exponent}, "
        f"{shape.replicas} replicas, load {shape.load:.0%}",
        "| policy | loads/request | from disk | p50 TTFT | p99 TTFT | imbalance | loads/Belady "
        "| loads/Belady, held |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        requests = row.results[0].requests
        lines.append(
            f"| {row.policy} | {row.mean(lambda r: r.loads) / requests:.3f} "
            f"| {row.mean(lambda r: r.disk_loads) / requests:.3f} "
            f"| {row.mean(lambda r: r.p50):.3f} s | {row.mean(lambda r: r.p99):.3f} s "
            f"| {row.mean(lambda r: r.imbalance):.2f} "
            f"| {row.over_bound(0):.2f} | {row.over_bound(1):.2f} |"
        )
    return "\n".join(lines) + "\n"


def goals(rows: Sequence[Row]) -> str:
    """Return ours against the best rival of each shape, seed by seed, and what is reached."""
    lines = [
        "### Goals",
        "| trace | p99 / best rival (worst seed) | loads / fewest of a rival | loads / the rival "
        "with the best p99 | loads / Belady | loads / Belady, held |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    p99s, worsts, loads, bounds, held = [], [], [], [], []
    for shape in dict.fromkeys(row.shape for row in rows):
        here = {row.policy: row for row in rows if row.shape == shape}
        ours = here.pop(OURS)
        each = [
            _seed([rival.results[n] for rival in here.values()], result)
            for n, result in enumerate(ours.results)
        ]
        p99, fewest, quickest = (fmean(one[n] for one in each) for n in range(3))
        worst = max(one[0] for one in each)
        lines.append(
            f"| {shape.name} | {p99:.2f} ({worst:.2f}) | {fewest:.3f} | {quickest:.3f} "
            f"| {ours.over_bound(0):.2f} | {ours.over_bound(1):.2f} |"
        )
        p99s.append(p99)
        worsts.append(worst)
        loads.append(fewest)
        bounds.append(ours.over_bound(0))
        held.append(ours.over_bound(1))
    count = f"{len(p99s)} traces"
    lines += [
        "",
        f"- p99 at least 30 % below the best rival: {sum(v <= P99 for v in p99s)} of {count}",
        f"- p99 worse than the best rival on a seed: {sum(v > 1 for v in worsts)} of {count}",
        f"- no more loads than the rival with the fewest: {sum(v <= 1 for v in loads)} of {count}",
        f"- loads within {BOUND} x Belady's: {sum(v <= BOUND for v in bounds)} of {count}, "
        f"mean {fmean(bounds):.2f}",
        f"- the same with slots held while their requests run: {sum(v <= BOUND for v in held)} of "
        f"{count}, mean {fmean(held):.2f}",
    ]
    return "\n".join(lines)


def _seed(rivals: Sequence[Result], ours: Result) -> tuple[float, float, float]:
    quickest = min(rivals, key=lambda result: result.p99)
    fewest = min(result.loads for result in rivals)
    return ours.p99 / quickest.p99, ours.loads / fewest, ours.loads / quickest.loads
