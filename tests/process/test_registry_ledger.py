"""The ledger through a real stream: each use counted once, pages, walls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
from argosy.api import subjects
from argosy.api.events.v1.events_pb2 import Event, UsageRecorded
from argosy.kit.bus import Bus, BusUnavailable
from argosy.kit.errors import InvalidRequest, NotFound

from tests.harness.registry_client import Client
from tests.harness.registry_fleet import Fleet, Registry, fleet
from tests.harness.servers import wait_until


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture(scope="module")
def registry(ships: Fleet) -> Registry:
    registry = ships.registry("ledger")
    registry.start()
    return registry


@pytest.fixture
async def bus(registry: Registry) -> AsyncIterator[Bus]:
    async with Bus.open(registry.settings()) as bus:
        yield bus


async def tell(bus: Bus, event: Event, msg_id: str) -> None:
    """Publish as soon as the connection is there."""
    async with asyncio.timeout(10):
        while True:
            try:
                await bus.publish(
                    subjects.of(subjects.USAGE_RECORDED), event.SerializeToString(), msg_id
                )
            except BusUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


def use(number: int, project: str = "proj_default") -> Event:
    event = Event(
        id=f"evt_{project}_{number}",
        type=subjects.USAGE_RECORDED,
        project_id=project,
        usage_recorded=UsageRecorded(
            key_id="key_1", model="base-one", request_id=f"req_{number}", operation="chat",
            outcome="ok", input_tokens=10, output_tokens=number, cached_input_tokens=3,
            estimated=True, duration_ms=1200, first_token_ms=200,
        ),
    )  # fmt: skip
    event.occurred_at.FromDatetime(datetime(2026, 1, 1, tzinfo=UTC))
    return event


async def test_each_use_is_counted_once_and_listed(registry: Registry, bus: Bus) -> None:
    for number in range(5):
        # Past the stream's own memory of ids, as after an outage longer than its window.
        for copy in range(3):
            await tell(bus, use(number), f"{number}-{copy}")
    await tell(bus, use(0, "proj_other"), "other")
    async with Client(registry) as client:
        repeats = 'argosy_registry_usage_events_total{outcome="repeated"}'
        counted = 'argosy_registry_usage_events_total{outcome="counted"}'
        await asyncio.to_thread(
            wait_until, lambda: registry.metric(repeats) + registry.metric(counted) == 16, "events"
        )
        assert (registry.metric(counted), registry.metric(repeats)) == (6, 10)
        assert len((await client.list_usage(project="proj_other")).entries) == 1
        answer = await client.list_usage()
        assert [e.output_tokens for e in answer.entries] == [4, 3, 2, 1, 0]
        assert not answer.has_more
        entry, told = answer.entries[0], use(4)
        for field in UsageRecorded.DESCRIPTOR.fields:
            assert getattr(entry, field.name) == getattr(told.usage_recorded, field.name)
        assert (entry.id, entry.occurred_at) == (told.id, told.occurred_at)
        page = await client.list_usage(limit=2, after=answer.entries[1].id)
        assert [e.output_tokens for e in page.entries] == [2, 1]
        assert page.has_more
        page = await client.list_usage(ascending=True, limit=1)
        assert [e.output_tokens for e in page.entries] == [0]
        with pytest.raises(NotFound):
            await client.list_usage(project="proj_other", after=entry.id)
        with pytest.raises(InvalidRequest, match="limit"):
            await client.list_usage(limit=1001)
