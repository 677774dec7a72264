"""Permits: never more than the cap, fair between projects, always given back, refused early."""

from __future__ import annotations

import asyncio
import random

import pytest
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.gateway.access.caller import Caller
from argosy.gateway.admission.permits import Admission, AdmissionLimits, Permit
from argosy.gateway.errors import QueueFull, QueueTimeout, render
from argosy.kit.clock import ManualClock
from prometheus_client import CollectorRegistry

DEFAULT = pb.PRIORITY_DEFAULT


class Gates:
    def __init__(self, concurrent: int, queued: int, wait: float = 5.0) -> None:
        self.clock = ManualClock()
        self.metrics = CollectorRegistry()
        limits = AdmissionLimits(concurrent, queued, wait)
        self.admission = Admission(clock=self.clock, metrics=self.metrics, limits=limits)

    async def enter(
        self, project: str = "a", priority: int = DEFAULT, *, share: float = 1.0, pool: str = "p",
        within: float = 1e9,
    ) -> Permit:  # fmt: skip
        caller = Caller("key", project, "org", share=share)
        deadline = self.clock.monotonic() + within
        return await self.admission.enter(pool, caller, priority, deadline)

    def outcomes(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for metric in self.metrics.collect():
            for sample in metric.samples:
                if sample.name == "argosy_gateway_admissions_total" and sample.value:
                    outcome = sample.labels["outcome"]
                    found[outcome] = found.get(outcome, 0) + sample.value
        return found

    async def line_up(self, *who: tuple[str, int, float]) -> list[tuple[str, int]]:
        """With the one permit taken, let these wait in this order; return the order of service."""
        holder = await self.enter("holder")
        served: list[tuple[str, int]] = []

        async def wait(project: str, priority: int, share: float) -> None:
            permit = await self.enter(project, priority, share=share)
            served.append((project, priority))
            permit.release()

        tasks = []
        for one in who:
            tasks.append(asyncio.create_task(wait(*one)))
            await asyncio.sleep(0)
        holder.release()
        await asyncio.gather(*tasks)
        assert self.admission.in_flight == 0
        return served


async def test_the_cap_and_order_of_arrival_within_a_project() -> None:
    gates = Gates(2, 1000)
    order: list[int] = []
    most = 0

    async def work(i: int) -> None:
        nonlocal most
        permit = await gates.enter()
        most = max(most, gates.admission.in_flight)
        order.append(i)
        await asyncio.sleep(0)
        permit.release()
        permit.release()

    await asyncio.gather(*(work(i) for i in range(50)))
    assert order == list(range(50))
    assert most == 2
    assert gates.admission.in_flight == 0
    assert gates.outcomes() == {"at_once": 2, "after_waiting": 48}


async def test_projects_take_turns_by_their_shares() -> None:
    noisy = [("noisy", DEFAULT, 1.0)] * 30
    served = await Gates(1, 1000).line_up(*noisy, ("quiet", DEFAULT, 1.0), ("quiet", DEFAULT, 1.0))
    assert [project for project, _ in served[:4]].count("quiet") == 2
    double = [("a", DEFAULT, 1.0)] * 30 + [("b", DEFAULT, 2.0)] * 30
    served = await Gates(1, 1000).line_up(*double)
    first = [project for project, _ in served[:30]]
    assert (first.count("a"), first.count("b")) == (10, 20)


async def test_who_was_quiet_for_a_while_comes_first_for_a_few_requests() -> None:
    gates = Gates(1, 1000)
    order: list[str] = []
    holder = await gates.enter("noisy")

    async def wait(project: str) -> None:
        permit = await gates.enter(project)
        order.append(project)
        if len(order) == 20:
            # Late, and yet with more than its turns; after that it is one of two.
            late.extend(asyncio.create_task(wait("quiet")) for _ in range(10))
            await asyncio.sleep(0)
        permit.release()

    late: list[asyncio.Task[None]] = []
    early = [asyncio.create_task(wait("noisy")) for _ in range(60)]
    await asyncio.sleep(0)
    holder.release()
    await asyncio.gather(*early)
    await asyncio.gather(*late)
    assert order[20:25].count("quiet") == 5
    assert order[20:32].count("quiet") == 8


async def test_a_flood_that_took_all_places_has_had_them_when_the_line_begins() -> None:
    gates = Gates(8, 1000)
    held = [await gates.enter("noisy") for _ in range(8)]
    order: list[str] = []

    async def wait(project: str) -> None:
        permit = await gates.enter(project)
        order.append(project)
        permit.release()

    tasks = [asyncio.create_task(wait("noisy")) for _ in range(40)]
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(wait("quiet")) for _ in range(12)]
    await asyncio.sleep(0)
    for permit in held:
        permit.release()
    await asyncio.gather(*tasks)
    # As many as the other held; after that they take turns.
    assert order[:8] == ["quiet"] * 8
    assert order[8:16].count("quiet") == 4
    assert gates.admission.in_flight == 0


async def test_priorities_are_strict_and_batch_is_last() -> None:
    levels = [pb.PRIORITY_BATCH, pb.PRIORITY_FLEX, DEFAULT, pb.PRIORITY_HIGH] * 3
    chance = random.Random(3)
    chance.shuffle(levels)
    served = await Gates(1, 1000).line_up(*((f"p{n}", p, 1.0) for n, p in enumerate(levels)))
    assert [priority for _, priority in served] == sorted(levels, reverse=True)
    # Unknown values of a later version count as the nearest known.
    served = await Gates(1, 9).line_up(("a", 0, 1.0), ("b", 99, 1.0), ("c", DEFAULT, 1.0))
    assert [project for project, _ in served] == ["b", "c", "a"]


async def test_one_project_leaves_room_for_others_and_pools_are_apart() -> None:
    gates = Gates(1, 100)
    holder = await gates.enter()
    waiting = [asyncio.create_task(gates.enter("noisy")) for _ in range(100)]
    await asyncio.sleep(0)
    refused = [task for task in waiting if task.done()]
    assert len(refused) == 20
    with pytest.raises(QueueFull, match=r"80 of 100 places") as caught:
        await refused[0]
    assert (b"retry-after", b"2") in render(caught.value).headers
    quiet = asyncio.create_task(gates.enter("quiet"))
    batch = asyncio.create_task(gates.enter("noisy", pb.PRIORITY_BATCH))
    await asyncio.sleep(0)
    assert not quiet.done()
    assert batch.done()
    other = gates.admission.try_enter("q", Caller("k", "noisy", ""), DEFAULT)
    assert other is not None
    other.release()
    assert gates.admission.try_enter("p", Caller("k", "quiet", ""), DEFAULT) is None
    for task in (*waiting, quiet, batch):
        task.cancel()
    await asyncio.gather(*waiting, quiet, batch, return_exceptions=True)
    assert gates.outcomes() == {"at_once": 2, "full": 21, "left": 81}
    holder.release()
    assert gates.admission.in_flight == 0


async def test_a_queue_without_places_refuses_at_once() -> None:
    gates = Gates(1, 0)
    await gates.enter()
    with pytest.raises(QueueFull):
        await gates.enter()


async def test_waiting_ends() -> None:
    gates = Gates(1, 1, 0.05)
    holder = await gates.enter()
    for _ in range(2):  # whoever has gone leaves the place
        with pytest.raises(QueueTimeout, match=r"0\.05 s"):
            await gates.enter()
    assert gates.admission.in_flight == 1
    holder.release()
    (await gates.enter()).release()
    assert gates.outcomes() == {"at_once": 2, "timeout": 2}


async def test_who_cannot_be_served_in_time_is_told_at_once() -> None:
    gates = Gates(2, 1000)
    for _ in range(20):
        permit = await gates.enter()
        gates.clock.advance(1.0)
        permit.release()
    holders = [await gates.enter(), await gates.enter()]
    waiting = [asyncio.create_task(gates.enter("a", within=100)) for _ in range(5)]
    await asyncio.sleep(0)
    # Two at a time, each a second: the sixth in line has 3 s to wait.
    with pytest.raises(QueueFull, match=r"would wait 3 s and may wait 2\.9") as caught:
        await gates.enter("a", within=2.9)
    assert caught.value.code == "overloaded"
    patient = asyncio.create_task(gates.enter("a", within=3.1))
    # Another project's turn comes sooner, and a higher priority's at once.
    other = asyncio.create_task(gates.enter("b", within=1.1))
    await asyncio.sleep(0)
    high = asyncio.create_task(gates.enter("b", pb.PRIORITY_HIGH, within=0.6))
    await asyncio.sleep(0)
    assert not any(task.done() for task in (patient, other, high))
    with pytest.raises(QueueFull, match="overloaded"):
        await gates.enter("c", pb.PRIORITY_BATCH, within=3.9)
    with pytest.raises(QueueFull, match="may wait 0"):
        await gates.enter("z", within=-1)
    for permit in holders:
        permit.release()
    for task in (high, other, *waiting, patient):
        (await task).release()
    assert gates.admission.in_flight == 0
    assert gates.outcomes()["shed"] == 3


@pytest.mark.parametrize("hand_over_first", [True, False])
async def test_a_waiter_that_is_cancelled_as_its_turn_comes_loses_nothing(
    hand_over_first: bool,
) -> None:
    gates = Gates(1, 5)
    holder = await gates.enter()
    cancelled, patient = asyncio.create_task(gates.enter()), asyncio.create_task(gates.enter())
    await asyncio.sleep(0)
    if hand_over_first:
        holder.release()
        cancelled.cancel()
    else:
        cancelled.cancel()
        holder.release()
    await asyncio.gather(cancelled, return_exceptions=True)
    async with asyncio.timeout(1):
        (await patient).release()
    assert gates.admission.in_flight == 0


async def test_a_pool_has_its_own_numbers_and_they_may_change() -> None:
    gates = Gates(1, 0)
    holder = await gates.enter()
    gates.admission.sync([pb.Pool(name="p", concurrency=1, queue=50, queue_seconds=9)])
    waiting = [asyncio.create_task(gates.enter()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    gates.admission.sync([pb.Pool(name="p", concurrency=3)])
    permits = [await task for task in waiting[:2]]
    assert gates.admission.in_flight == 3
    # A smaller cap lets go who has a permit, and hands nothing on until it holds.
    gates.admission.sync([pb.Pool(name="p")])
    holder.release()
    permits[0].release()
    await asyncio.sleep(0)
    assert not waiting[2].done()
    permits[1].release()
    (await waiting[2]).release()
    assert gates.admission.in_flight == 0


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_happens_nothing_is_lost(seed: int) -> None:
    chance = random.Random(seed)
    gates = Gates(3, 40, 0.02)

    async def one(number: int) -> None:
        await asyncio.sleep(chance.random() / 50)
        level = chance.choice([pb.PRIORITY_BATCH, DEFAULT, pb.PRIORITY_HIGH])
        try:
            permit = await gates.enter(f"p{number % 4}", level, share=1 + number % 3)
        except (QueueFull, QueueTimeout):
            return
        try:
            await asyncio.sleep(chance.random() / 200)
        finally:
            permit.release()

    tasks = [asyncio.create_task(one(number)) for number in range(200)]
    for _ in range(60):
        await asyncio.sleep(0.001)
        chance.choice(tasks).cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert gates.admission.in_flight == 0, f"seed {seed}"
    queued = gates.metrics.get_sample_value("argosy_gateway_queued_requests", {"pool": "p"})
    assert queued == 0, f"seed {seed}"


async def test_the_time_in_the_queue_is_shown_for_those_who_waited_and_for_those_who_did_not() -> (
    None
):
    gates = Gates(1, 10)
    first = await gates.enter()
    waiting = asyncio.create_task(gates.enter())
    await asyncio.sleep(0)
    gates.clock.advance(0.3)
    first.release()
    (await waiting).release()

    def shown(sample: str, **labels: str) -> float | None:
        name = f"argosy_gateway_queue_seconds_{sample}"
        return gates.metrics.get_sample_value(name, {"pool": "p"} | labels)

    assert shown("bucket", le="0.001") == 1
    assert shown("bucket", le="0.25") == 1
    assert shown("bucket", le="0.5") == 2
    assert shown("count") == 2
    assert shown("sum") == pytest.approx(0.3)
