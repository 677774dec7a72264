"""`make simulate`: all traces through all policies, and how far the goals are.

python -m benchmarks.placement [--quick] [--seeds 5] [--requests 10000] [--trace NAME …]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from benchmarks.placement import policies
from benchmarks.placement.bound import fewest_loads, fewest_loads_held
from benchmarks.placement.report import Row, goals, table
from benchmarks.placement.simulation import MakePolicy, Result, Simulation
from benchmarks.placement.speed import Speed
from benchmarks.placement.traces import SHAPES, Shape, arrival_rate, make, residence, shortened

POLICIES: dict[str, MakePolicy] = {
    "random": policies.Random,
    "least loaded": policies.LeastLoaded,
    "bounded hashing": policies.BoundedHashing,
    "llm-d affinity": policies.Affinity,
    "llm-d affinity + queue": policies.AffinityAndQueue,
    "argosy": policies.Argosy,
}


def measure(shape: Shape, seeds: Sequence[int], speed: Speed) -> list[Row]:
    """Run one shape with each seed through all policies."""
    results: dict[str, list[Result]] = {name: [] for name in POLICIES}
    bounds: list[tuple[int, int]] = []
    seconds = residence(arrival_rate(shape, speed) / shape.replicas, speed)
    for seed in seeds:
        trace = make(shape, seed, speed)
        slots = shape.replicas * speed.slots
        bounds.append(
            (
                fewest_loads([request.adapter for request in trace.requests], slots),
                fewest_loads_held(trace, slots, seconds),
            )
        )
        for name, policy in POLICIES.items():
            results[name].append(Simulation(trace, policy, speed).run())
    return [Row(shape, name, results[name], bounds) for name in POLICIES]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.placement")
    parser.add_argument("--quick", action="store_true", help="one seed, 2,500 requests: a smoke")
    parser.add_argument("--seeds", type=int, default=5)
    # The rules were tuned on seeds 1 to 3: those would flatter them.
    parser.add_argument("--first-seed", type=int, default=101)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--trace", nargs="*", choices=[shape.name for shape in SHAPES])
    given = parser.parse_args()
    requests = 2_500 if given.quick else given.requests
    count = 1 if given.quick else given.seeds
    seeds = range(given.first_seed, given.first_seed + count)
    speed = Speed()
    begun = time.monotonic()
    print(f"seeds {list(seeds)}, {requests} requests a trace, {speed}\n")
    rows: list[Row] = []
    for shape in SHAPES:
        if given.trace and shape.name not in given.trace:
            continue
        measured = measure(shortened(shape, requests), seeds, speed)
        print(table(measured), flush=True)
        rows += measured
    print(goals(rows))
    print(f"\n{time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
