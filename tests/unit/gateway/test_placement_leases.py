"""Leases over real HTTP: engines are fake ones as processes, the fleet and its probes are real."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from argosy.api.registry.v1.registry_pb2 import MODEL_KIND_TUNED, Model, Pool
from argosy.gateway.engines.failures import AdapterRefused
from argosy.gateway.engines.fleet import Fleet, ProbeTimes
from argosy.gateway.errors import NoReplica, QueueTimeout
from argosy.gateway.placement.adapters import Placement, PlacementLimits
from argosy.gateway.placement.upkeep import Upkeep
from argosy.kit.clock import SystemClock
from prometheus_client import CollectorRegistry

from tests.harness.lane_plane import BASE, FakeEngine, until


class World:
    """A placement over some engines."""

    def __init__(self, engines: list[FakeEngine], pool: dict[str, Any], **limits: Any) -> None:
        self.engines = engines
        self.metrics = CollectorRegistry()
        self.fleet = Fleet(
            clock=SystemClock(),
            metrics=self.metrics,
            times=ProbeTimes(up=0.1, down=0.1, call=1.0, connect=0.5),
        )
        self.placement = Placement(
            self.fleet,
            exists=lambda _: True,
            metrics=self.metrics,
            limits=PlacementLimits(**limits),
        )
        urls = [engine.url for engine in engines]
        self.fleet.sync([Pool(name="main", engine="vllm", replicas=urls, **pool)])

    @property
    def replicas(self) -> tuple[Any, ...]:
        return self.fleet.replicas("main")

    async def stats(self) -> list[dict[str, Any]]:
        return [await engine.stats() for engine in self.engines]

    async def lease(self, name: str, **options: Any) -> Any:
        return await self.placement.lease(adapter(name), self.replicas, **options)


def adapter(name: str, **more: Any) -> Model:
    return Model(
        id=f"ft:{BASE}:argosy:a:{name}", kind=MODEL_KIND_TUNED, base=BASE, pool="main",
        servable=True, adapter_path=f"/adapters/{name}", **more,
    )  # fmt: skip


@pytest.fixture
async def make_world() -> AsyncIterator[Callable[..., Any]]:
    async with contextlib.AsyncExitStack() as stack:

        async def make(engines: int = 2, *, arguments: tuple[str, ...] = (), **options: Any) -> Any:
            pool = {key: options.pop(key) for key in ("max_loras",) if key in options}
            started = [FakeEngine(*arguments) for _ in range(engines)]
            for engine in started:
                stack.push_async_callback(engine.stop)
                await engine.start()
            world = World(started, pool, **options)
            await world.fleet.probe_once()
            task = asyncio.create_task(world.fleet.run())
            stack.push_async_callback(world.placement.close)

            async def end() -> None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

            stack.push_async_callback(end)
            return world

        yield make


async def test_the_second_lease_needs_no_waiting_and_gives_all_back(make_world: Any) -> None:
    world = await make_world(max_loras=2)
    assert world.placement.try_lease(adapter("x"), world.replicas) is None
    first = await world.lease("x")
    second = world.placement.try_lease(adapter("x"), world.replicas)
    assert second is not None
    assert second.replica is first.replica
    assert sum(len(one["loads"]) for one in await world.stats()) == 1
    for lease in (first, second, second):
        lease.release()
    site = world.placement._plan("main").decider.site(first.replica)
    assert (site.in_flight, site.pinned) == (0, 0)


async def test_a_request_waits_for_a_slot_and_a_client_that_leaves_does_not(
    make_world: Any,
) -> None:
    world = await make_world(1, max_loras=1)
    holder = await world.lease("x")
    leaver = asyncio.create_task(world.lease("y"))
    stayer = asyncio.create_task(world.lease("z"))
    await until(lambda: world.placement._plan("main").decider.waiting == 2, "both to wait")
    waiting = world.metrics.get_sample_value("argosy_gateway_adapter_waiting")
    assert waiting == 2
    leaver.cancel()
    await asyncio.gather(leaver, return_exceptions=True)
    holder.release()
    lease = await stayer
    lease.release()
    assert (await world.stats())[0]["loads"] == [adapter("x").id, adapter("z").id]
    site = world.placement._plan("main").decider.site(lease.replica)
    assert (site.in_flight, site.pinned, site.loading) == (0, 0, 0)


async def test_a_client_that_leaves_in_the_moment_of_its_turn_hands_it_on(make_world: Any) -> None:
    world = await make_world(1, max_loras=1)
    holder = await world.lease("x")
    leaver = asyncio.create_task(world.lease("y"))
    await until(lambda: world.placement._plan("main").decider.waiting == 1, "the first to wait")
    stayer = asyncio.create_task(world.lease("z"))
    await until(lambda: world.placement._plan("main").decider.waiting == 2, "both to wait")
    holder.release()  # y has its turn, but its task has not run yet
    leaver.cancel()
    await asyncio.gather(leaver, return_exceptions=True)
    (await stayer).release()


async def test_whose_turn_does_not_come_is_told_so(make_world: Any) -> None:
    world = await make_world(1, max_loras=1, wait_seconds=0.2)
    holder = await world.lease("x")
    with pytest.raises(QueueTimeout) as caught:
        await world.lease("y")
    assert caught.value.code == "queue_timeout"
    assert adapter("y").id in caught.value.message
    holder.release()
    assert world.placement._plan("main").decider.waiting == 0


async def test_waiting_ends_when_no_engine_is_left(make_world: Any) -> None:
    world = await make_world(1, max_loras=1)
    await world.lease("x")
    waiting = asyncio.create_task(world.lease("y"))
    await until(lambda: world.placement._plan("main").decider.waiting == 1, "it to wait")
    await world.engines[0].kill()
    with pytest.raises(NoReplica):
        await waiting
    with pytest.raises(NoReplica):
        await world.placement.lease(adapter("y"), ())


async def test_one_that_refuses_is_left_alone_and_asked_again_later(make_world: Any) -> None:
    world = await make_world(2)
    await world.engines[0].fault(refuse_loads=True)
    for _ in range(8):
        (await world.lease("x")).release()
    refusing, taking = await world.stats()
    assert len(refusing["loads"]) <= 1
    assert len(taking["loads"]) == 1
    await world.engines[1].fault(refuse_loads=True)
    with pytest.raises(AdapterRefused):
        await world.lease("y")
    with pytest.raises(AdapterRefused):
        await world.lease("y")  # at once, and no engine is troubled
    assert sum(one["loads"].count(adapter("y").id) for one in await world.stats()) == 2
    await world.engines[0].fault(refuse_loads=False)
    await world.engines[1].fault(refuse_loads=False)

    async def taken() -> bool:
        with contextlib.suppress(AdapterRefused):
            (await world.lease("y")).release()
            return True
        return False

    await until(taken, "the adapter to be taken again")


async def test_what_an_engine_forgot_is_loaded_again_once(make_world: Any) -> None:
    world = await make_world(1, max_loras=2)
    first, second = await world.lease("x"), await world.lease("x")
    await world.engines[0].fault(forget_adapters=True)
    first.lost()
    first.release()
    third = await world.lease("x")
    second.lost()  # late news of the load before
    second.release()
    assert world.placement.resident(third.replica, adapter("x").id)
    assert (await world.stats())[0]["loads"] == [adapter("x").id] * 2
    third.release()


async def test_the_number_of_slots_is_learnt_from_the_engine(make_world: Any) -> None:
    world = await make_world(1, arguments=("--max-loras", "1"))
    (await world.lease("x")).release()
    plan = world.placement._plan("main")
    await until(lambda: plan.decider.site(world.replicas[0]).room.slots == 1, "the gauge")


async def test_a_published_adapter_is_brought_and_a_pinned_one_comes_back(make_world: Any) -> None:
    world = await make_world(2, max_loras=4)
    upkeep = Upkeep(world.placement, SystemClock(), seconds=0.1)
    new, old, pinned = adapter("new"), adapter("old"), adapter("pin", pinned_replicas=2)
    new.created_at.FromDatetime(datetime.now(UTC))
    old.created_at.FromDatetime(datetime.now(UTC) - timedelta(hours=1))
    for model in (new, old, pinned):
        upkeep.learned(model)
    task = asyncio.create_task(upkeep.run())

    async def there() -> bool:
        loads = [name for one in await world.stats() for name in one["adapters"]]
        return sorted(loads) == sorted([new.id, pinned.id, pinned.id])

    await until(there, "the new one once and the pinned one twice")
    await world.engines[0].kill()
    await until(lambda: not world.replicas[0].ready, "the engine's end to be noticed")
    await world.engines[0].start()

    async def back() -> bool:
        return pinned.id in (await world.engines[0].stats())["adapters"]

    await until(back, "the pinned one to be brought again")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_explain_tells_where_an_adapter_is(make_world: Any) -> None:
    world = await make_world(2, max_loras=2)
    lease = await world.lease("x")
    told = world.placement.explain(adapter("x"))
    holding = [row for row in told["replicas"] if row["in_slot"]]
    assert [(row["replica"], row["registered"]) for row in holding] == [(lease.replica.url, True)]
    lease.release()
