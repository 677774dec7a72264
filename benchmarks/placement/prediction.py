"""What the simulator says of a trace that two real engines have run; see `validate.py`.

Knows how the gateway learns what loads take, and how to find the speed that the answers show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Final

from benchmarks.placement import policies
from benchmarks.placement.engine import Engine
from benchmarks.placement.simulation import Simulation
from benchmarks.placement.speed import Speed
from benchmarks.placement.traces import Request, Trace

# A prediction is the mean of runs with speeds about the one measured: each by itself is off by some
# loads, as a slightly later answer sends a request elsewhere.
NEARBY: Final = (0.9, 0.925, 0.95, 0.975, 1.0, 1.025, 1.05, 1.075, 1.1)


class Told(policies.Argosy):
    """The gateway's decisions, where it learns what loads take as the real one does.

    It asks an engine to load an adapter once, and measures that; what the engine reads again by
    itself, it is not told of.
    """

    def __init__(self, engines: Sequence[Engine], seed: int, load: float) -> None:
        super().__init__(engines, seed)
        self._load = load
        self._registered: set[tuple[int, int]] = set()
        self.seconds: list[float] = []

    def began(self, request: Request, now: float) -> policies.Sent:
        where = self._tickets[request.number].replica, request.adapter
        if where not in self._registered:
            self._registered.add(where)
            self.decider.costs.learn_disk(self._load)
        return super().began(request, now)

    def ended(self, request: Request, now: float) -> policies.Sent:
        self.seconds.append(now - request.arrival)
        return super().ended(request, now)


@dataclass(frozen=True, slots=True)
class Loads:
    """Adapters that entered a slot, those of them that came from the disk, seconds to an answer."""

    slots: float
    disk: float
    seconds: float


def simulated(trace: Trace, speed: Speed, load: float, factor: float) -> Loads:
    """Run the trace with engines that take `factor` times the time for a step."""
    slower = replace(speed, step=speed.step * factor, per_sequence=speed.per_sequence * factor)
    made: list[Told] = []

    def make_policy(engines: Sequence[Engine], seed: int) -> Told:
        made.append(Told(engines, seed, load))
        return made[-1]

    result = Simulation(trace, make_policy, slower).run()
    return Loads(result.loads, result.disk_loads, fmean(made[0].seconds))


def predicted(trace: Trace, speed: Speed, load: float, seconds: float) -> tuple[Loads, float]:
    """Return what the simulator says where answers take `seconds`, and how much slower that is."""
    factors = [1.04**power for power in range(-40, 60)]
    fitting = min(factors, key=lambda f: abs(simulated(trace, speed, load, f).seconds - seconds))
    runs = [simulated(trace, speed, load, fitting * nearby) for nearby in NEARBY]
    return Loads(
        fmean(run.slots for run in runs),
        fmean(run.disk for run in runs),
        fmean(run.seconds for run in runs),
    ), fitting
