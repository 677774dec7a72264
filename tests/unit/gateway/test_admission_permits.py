"""Permits: never more than the cap, in order of arrival, always given back."""

from __future__ import annotations

import asyncio

import pytest
from argosy.gateway.admission.permits import Admission, AdmissionLimits
from argosy.gateway.errors import QueueFull, QueueTimeout
from prometheus_client import CollectorRegistry


def admission(concurrent: int, queued: int, wait: float = 5.0) -> Admission:
    limits = AdmissionLimits(concurrent, queued, wait)
    return Admission(metrics=CollectorRegistry(), limits=limits)


async def test_order_of_arrival_and_the_cap() -> None:
    gates = admission(2, 100)
    order: list[int] = []
    most = 0

    async def work(i: int) -> None:
        nonlocal most
        async with gates.permit("p"):
            most = max(most, gates.in_flight)
            order.append(i)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(i) for i in range(50)))
    assert order == list(range(50))
    assert most == 2
    assert gates.in_flight == 0


async def test_a_full_queue_refuses_at_once_and_pools_are_apart() -> None:
    gates = admission(1, 0)
    async with gates.permit("p"):
        with pytest.raises(QueueFull):
            await gates.permit("p").__aenter__()
        async with gates.permit("q"):
            assert gates.in_flight == 2
    assert gates.in_flight == 0


async def test_waiting_ends() -> None:
    gates = admission(1, 5, 0.05)
    async with gates.permit("p"):
        with pytest.raises(QueueTimeout, match=r"0\.05 s"):
            await gates.permit("p").__aenter__()
        assert gates.in_flight == 1
    async with gates.permit("p"):
        pass
    assert gates.in_flight == 0


@pytest.mark.parametrize("hand_over_first", [True, False])
async def test_a_waiter_that_is_cancelled_as_its_turn_comes_loses_nothing(
    hand_over_first: bool,
) -> None:
    gates = admission(1, 5)
    holder = gates.permit("p")
    await holder.__aenter__()
    entered = asyncio.Event()

    async def wait() -> None:
        async with gates.permit("p"):
            entered.set()

    cancelled, patient = asyncio.create_task(wait()), asyncio.create_task(wait())
    await asyncio.sleep(0)
    if hand_over_first:
        await holder.__aexit__(None, None, None)
        cancelled.cancel()
    else:
        cancelled.cancel()
        await holder.__aexit__(None, None, None)
    await asyncio.gather(cancelled, return_exceptions=True)
    await asyncio.wait_for(patient, 1)
    assert entered.is_set()
    assert gates.in_flight == 0
