"""placement.states: Ready, Creating and Fail, by what the engines are and do."""

from __future__ import annotations

from argosy.api.registry.v1.registry_pb2 import (
    MODEL_KIND_BASE,
    MODEL_KIND_EMBEDDING,
    MODEL_KIND_TUNED,
    Model,
    Pool,
)
from argosy.gateway.engines.fleet import Fleet
from argosy.gateway.placement.adapters import Placement
from argosy.gateway.placement.states import ModelState, ModelStates
from argosy.kit.clock import ManualClock
from prometheus_client import CollectorRegistry

BASE = Model(id="base", kind=MODEL_KIND_BASE, servable=True, pool="main")
TUNED = Model(
    id="ft:base:argosy:a:00000001",
    kind=MODEL_KIND_TUNED,
    base="base",
    servable=True,
    pool="main",
    adapter_path="/adapters/a",
)


class World:
    """Two engines that nobody probes: the test says what they are."""

    def __init__(self) -> None:
        clock, metrics = ManualClock(), CollectorRegistry()
        self.fleet = Fleet(clock=clock, metrics=metrics)
        self.placement = Placement(self.fleet, exists=lambda _: True, metrics=metrics, clock=clock)
        self.clock = clock
        self.fleet.sync([Pool(name="main", engine="vllm", replicas=["http://a:1", "http://b:1"])])
        self.states = ModelStates(self.fleet, self.placement)

    def up(self) -> None:
        for replica in self.fleet.replicas("main"):
            replica.ready = replica.seen = True

    def told(self, model: Model) -> ModelState:
        condition = self.states.of(model)
        assert bool(condition.reason) == (condition.state is not ModelState.READY)
        return condition.state


def test_h02_a_model_is_creating_until_an_engine_is_up_and_fails_when_all_are_gone() -> None:
    world = World()
    assert world.told(BASE) is world.told(TUNED) is ModelState.CREATING
    world.up()
    assert world.told(BASE) is world.told(TUNED) is ModelState.READY
    first, second = world.fleet.replicas("main")
    first.unreachable("connection refused")
    assert world.told(BASE) is ModelState.READY
    second.unreachable("connection refused")
    assert world.told(BASE) is ModelState.FAIL
    assert "connection refused" in world.states.of(BASE).reason


def test_h02_what_every_engine_refused_fails_until_it_is_tried_again() -> None:
    world = World()
    world.up()
    assert world.told(TUNED) is ModelState.READY
    decider = world.placement._plan("main").decider
    first, second = world.fleet.replicas("main")
    decider.refused(first, TUNED.id, world.clock.monotonic())
    assert world.told(TUNED) is ModelState.READY
    decider.refused(second, TUNED.id, world.clock.monotonic())
    assert world.told(TUNED) is ModelState.FAIL
    assert world.told(BASE) is ModelState.READY
    world.clock.advance(3600)
    assert world.told(TUNED) is ModelState.READY


def test_h02_what_no_engine_can_serve_fails_with_the_reason() -> None:
    world = World()
    world.up()
    unservable = Model(
        id="rwkv", kind=MODEL_KIND_BASE, unservable_reason="The engine vllm has no code for it."
    )
    assert world.told(unservable) is ModelState.FAIL
    assert world.states.of(unservable).reason == unservable.unservable_reason
    assert world.told(Model(id="ft:x", kind=MODEL_KIND_TUNED)) is ModelState.FAIL
    nowhere = Model(id="y", kind=MODEL_KIND_BASE, servable=True, pool="gone")
    assert world.told(nowhere) is ModelState.FAIL
    embedding = Model(id="e", kind=MODEL_KIND_EMBEDDING, servable=True)
    assert world.told(embedding) is ModelState.READY
