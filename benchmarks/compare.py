"""The scenarios, round by round over all targets, so that a noisy moment meets all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from benchmarks.client import LoadError
from benchmarks.results import ARGOSY, DIRECT, Results
from benchmarks.scenarios import Run, Scenario
from benchmarks.site import Site
from benchmarks.targets import Argosy, Gateway, Setup, Target, argosy, nginx, vllm_router

_BYTES_PER_MB = 1e6
# What `wait_until_serves` asks for before the first load.
_WARM_REQUESTS = 1


def measure(site: Site, chosen: Sequence[Scenario], rounds: int) -> Results:
    """Return the figures of `chosen` and the memory of each gateway afterwards.

    A run with wrong or missing answers gives no figures; it is printed, and kept as a failure.
    """
    results = Results()
    answered = 0
    with contextlib.ExitStack() as stack:
        direct = Target(DIRECT, site.engine_port)
        gateways, own = _start(site, stack)
        for number in range(rounds):
            # Another order each round: nobody always comes after the same neighbour.
            turn = number % len(gateways)
            order = [direct, *gateways[turn:], *gateways[:turn]]
            for scenario in chosen:
                runs = {target.name: _run(site, scenario, target) for target in order}
                answered += runs[ARGOSY].report.answered
                read(scenario, runs, results)
            print(f"round {number + 1} of {rounds} done", flush=True)
        for gateway in gateways:
            results.add("resident", gateway.name, _resident_mb(gateway))
    results.add("metered", ARGOSY, _lines(own) / (answered + _WARM_REQUESTS))
    return results


def _start(site: Site, stack: contextlib.ExitStack) -> tuple[list[Gateway], Argosy]:
    gateways: list[Gateway] = []
    if site.programs.nginx:
        gateways.append(stack.enter_context(nginx(site, site.programs.nginx)))
    if site.programs.vllm_router:
        gateways.append(stack.enter_context(vllm_router(site, site.programs.vllm_router)))
    own = stack.enter_context(argosy(site, Setup()))
    return [*gateways, own], own


def _run(site: Site, scenario: Scenario, target: Target) -> Run:
    before = target.cpu_ns()
    report = site.put(scenario.load, target.port)
    return Run(report, target.cpu_ns() - before)


def read(scenario: Scenario, runs: Mapping[str, Run], results: Results) -> None:
    """Add the figures of the runs that can be believed. Raises LoadError if the engine's cannot."""
    runs[DIRECT].report.check()
    for name, run in runs.items():
        try:
            run.report.check()
        except LoadError as error:
            results.fail(f"{name}, {scenario.name}: {error}")
            continue
        for metric, figure in scenario.figures.items():
            results.add(metric, name, figure(run, runs[DIRECT]))


def _resident_mb(gateway: Gateway) -> float | None:
    """Return the largest resident set of a process of the gateway: a worker's. None if it died."""
    resident = gateway.child.resident_bytes().values()
    return max(resident) / _BYTES_PER_MB if resident else None


def _lines(own: Argosy) -> int:
    with own.usage.open("rb") as file:
        return sum(1 for _ in file)
