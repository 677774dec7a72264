"""The simulator keeps vLLM's rules, is repeatable, and runs production's own decisions."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from argosy.api.registry.v1.registry_pb2 import Model, Pool
from argosy.gateway.placement import plan as production
from argosy.gateway.placement.adapters import Placement, PlacementLimits
from argosy.kit.clock import ManualClock
from prometheus_client import CollectorRegistry

from benchmarks.placement import policies
from benchmarks.placement.bound import fewest_loads
from benchmarks.placement.engine import Engine
from benchmarks.placement.simulation import Simulation
from benchmarks.placement.speed import Speed
from benchmarks.placement.traces import SHAPES, Request, Shape, arrival_rate, make, residence

SMALL = Shape("small", adapters=24, replicas=3, exponent=0.8, load=0.8, requests=600)
SPEED = Speed(slots=2, host=4, batch=8)


def request(number: int, adapter: int, output: int = 10) -> Request:
    return Request(number, 0.0, adapter, 1, output)


def drained(engine: Engine) -> list[tuple[float, list[int], list[int]]]:
    """Run the engine empty; return when whose first token came and who was done."""
    seen = []
    while engine.next_at < float("inf"):
        now = engine.next_at
        firsts, done = engine.turn(now)
        seen.append((now, [r.number for r in firsts], [r.number for r in done]))
    return seen


def test_a_request_without_a_slot_is_stepped_over_and_keeps_its_place() -> None:
    engine = Engine(0, Speed(slots=1))
    for number, adapter, output in ((0, 1, 20), (1, 2, 5), (2, 1, 5), (3, 2, 5)):
        engine.submit(request(number, adapter, output), 0.0)
    order = [number for _, firsts, _ in drained(engine) for number in firsts]
    assert order == [0, 2, 1, 3]
    assert engine.loads_disk == 2


def test_the_slot_used_longest_ago_gives_way_and_host_memory_keeps_it() -> None:
    engine = Engine(0, Speed(slots=2, host=3))
    for number, adapter in enumerate((1, 2, 1, 3, 2, 4, 1)):
        engine.submit(request(number, adapter), 100.0 * number)
        drained(engine)
    # 3 replaces 2, 2 comes back from host memory in 1's place, 4 pushes 1 out of host memory.
    assert (engine.loads_disk, engine.loads_host) == (5, 1)


def test_a_load_holds_up_the_step_and_everyone_in_it() -> None:
    speed = Speed()
    engine = Engine(0, speed)
    engine.submit(request(0, 1), 0.0)
    ((first_at, firsts, _), *_) = drained(engine)
    assert firsts == [0]
    tokens = speed.per_token
    assert first_at == pytest.approx(
        speed.step_seconds(1) + speed.disk_load + speed.host_load + tokens
    )


def test_steps_get_longer_with_the_batch() -> None:
    speed = Speed(disk_load=0.0, host_load=0.0, per_token=0.0)
    engine = Engine(0, speed)
    for number in range(4):
        engine.submit(request(number, 1, output=100), 0.0)
    # The first one starts the engine; the others join when its first step ends.
    ends = drained(engine)[-1][0]
    four = speed.step + 4 * speed.per_sequence
    assert ends == pytest.approx(speed.step + speed.per_sequence + 100 * four, rel=0.01)


def test_belady_by_hand() -> None:
    assert fewest_loads([1, 2, 3, 1, 2, 3], 2) == 4
    assert fewest_loads([1, 2, 1, 2], 2) == 2
    assert fewest_loads([1, 2, 3], 1) == 3


def test_load_is_what_it_says() -> None:
    speed = Speed()
    for shape in SHAPES:
        trace = make(shape, 1, speed)
        rate = arrival_rate(shape, speed)
        measured = len(trace.requests) / trace.requests[-1].arrival
        assert measured == pytest.approx(rate, rel=0.1)
        seconds = residence(rate / shape.replicas, speed)
        assert rate * seconds / shape.replicas <= shape.load * speed.batch * 1.001


@pytest.mark.parametrize(
    "policy",
    [
        policies.Random,
        policies.LeastLoaded,
        policies.BoundedHashing,
        policies.Affinity,
        policies.AffinityAndQueue,
        policies.Argosy,
    ],
)
def test_every_request_is_served_and_the_same_seed_gives_the_same(policy: Any) -> None:
    results = [Simulation(make(SMALL, 7, SPEED), policy, SPEED).run() for _ in range(2)]
    assert results[0] == results[1]
    assert results[0].unserved == 0
    assert results[0].loads >= fewest_loads([r.adapter for r in make(SMALL, 7, SPEED).requests], 6)


def test_replicas_that_die_lose_only_what_had_begun() -> None:
    shape = Shape("loss", adapters=24, replicas=3, load=0.9, requests=600, lost=1)
    # The first one leaves requests in the dead engine's queue, ours leaves none there.
    for policy in (policies.LeastLoaded, policies.Argosy):
        assert Simulation(make(shape, 3, SPEED), policy, SPEED).run().unserved == 0


def test_the_gateway_believes_of_the_engines_what_is_so() -> None:
    made: list[policies.Argosy] = []

    def argosy(engines: Any, seed: int) -> policies.Argosy:
        made.append(policies.Argosy(engines, seed))
        return made[0]

    # Enough idle slots that their order decides what gives way.
    speed = Speed(slots=4, host=8, batch=8)
    shape = Shape("idle", adapters=40, replicas=3, exponent=0.8, load=0.3, requests=600)
    simulation = Simulation(make(shape, 5, speed), argosy, speed)
    simulation.run()
    for engine in simulation.engines:
        site = made[0].decider.site(engine.index)
        assert site is not None
        assert [int(name) for name in site.slots] == list(engine.active)
        assert {int(name) for name in site.host} == set(engine.host)


def test_production_runs_the_same_class() -> None:
    assert production.Decider is policies.Decider


class Told:
    """A policy that writes down what the simulated gateway is told and what it chose."""

    def __init__(self, engines: Any, seed: int) -> None:
        self.inner = policies.Argosy(engines, seed)
        self.heard: list[tuple[str, Request, float]] = []
        self.chosen: list[tuple[int, int]] = []

    def _note(self, what: str, request: Request, now: float) -> policies.Sent:
        self.heard.append((what, request, now))
        sent: policies.Sent = getattr(self.inner, what)(request, now)
        self.chosen += [(one.number, index) for one, index in sent]
        return sent

    def asked(self, request: Request, now: float) -> policies.Sent:
        return self._note("asked", request, now)

    def began(self, request: Request, now: float) -> policies.Sent:
        return self._note("began", request, now)

    def ended(self, request: Request, now: float) -> policies.Sent:
        return self._note("ended", request, now)


class FakeFleet:
    """Replicas that are always ready, and whose engines answer loads at once."""

    def __init__(self, count: int) -> None:
        self._replicas = tuple(_replica(index) for index in range(count))

    def replicas(self, pool: str) -> tuple[Any, ...]:
        return self._replicas

    def pool(self, name: str) -> Pool:
        return Pool(name=name, max_loras=SPEED.slots, max_cpu_loras=SPEED.host)

    def all_replicas(self) -> list[Any]:
        return list(self._replicas)

    def adopt_with(self, adopt: Any) -> None: ...

    def observe_with(self, observe: Any) -> None: ...


class FakeReplica(SimpleNamespace):
    __hash__ = object.__hash__


def _replica(index: int) -> Any:
    return FakeReplica(
        url=f"engine {index}",
        pool="main",
        ready=True,
        ejection=SimpleNamespace(admits=lambda now: True),
        gauges=SimpleNamespace(max_loras=0, active_adapters=frozenset()),
        dialect=SimpleNamespace(adapters=None),
        index=index,
    )


async def test_production_chooses_as_the_simulation_did() -> None:
    """One trace again, through `Placement` with its leases, turns and wake-ups."""
    told: list[Told] = []

    def note(engines: Any, seed: int) -> Told:
        told.append(Told(engines, seed))
        return told[0]

    Simulation(make(SMALL, 11, SPEED), note, SPEED).run()  # type: ignore[arg-type]
    clock = ManualClock()
    placement = Placement(
        FakeFleet(SMALL.replicas),  # type: ignore[arg-type]
        exists=lambda _: True,
        metrics=CollectorRegistry(),
        limits=PlacementLimits(batch=SPEED.batch, wait_seconds=1e6),
        clock=clock,
    )
    replicas = placement._fleet.replicas("main")
    for replica in replicas:  # the front ends know every adapter: loading is not what is tested
        placement._loader.registered(replica).replace(str(n) for n in range(SMALL.adapters))
    leases: dict[int, Any] = {}
    chosen: list[tuple[int, int]] = []

    def took(number: int, lease: Any) -> None:
        leases[number] = lease
        chosen.append((number, lease.replica.index))

    async def wait(request: Request) -> None:
        model = Model(id=str(request.adapter), pool="main", adapter_path="/x")
        took(request.number, await placement.lease(model, replicas))

    waiting: set[asyncio.Task[None]] = set()
    for what, asker, now in told[0].heard:
        clock.advance(now - clock.monotonic())
        if what == "asked":
            model = Model(id=str(asker.adapter), pool="main", adapter_path="/x")
            lease = placement.try_lease(model, replicas)
            if lease is not None:
                took(asker.number, lease)
            else:
                waiting.add(asyncio.create_task(wait(asker)))
        elif what == "began":
            leases[asker.number].begun()
        else:
            leases.pop(asker.number).release()
        for _ in range(4):
            await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert len(told[0].chosen) == SMALL.requests
    assert dict(chosen) == dict(told[0].chosen)
