"""FA13: kill -9 of NATS, and of the registry, while the outbox drains. Repeats are absorbed."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest

from tests.harness.registry_client import Client
from tests.harness.registry_events import (
    event_log,
    in_stream,
    outbox_ids,
    subject_of,
    until_drained,
)
from tests.harness.registry_fleet import Fleet, fleet
from tests.harness.servers import wait_until

FILES = 100
CHANGES = 2 * FILES


@pytest.fixture
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


async def change(client: Client, files: int) -> list[str]:
    ids = []
    for _ in range(files):
        file = await client.upload()
        await client.delete(file.id)
        ids.append(file.id)
    return ids


async def test_fa13_kill_nats_mid_drain(ships: Fleet) -> None:
    registry = await asyncio.to_thread(ships.registry, "fa13")
    await asyncio.to_thread(registry.start)
    async with Client(registry) as client, event_log(registry) as log:
        changing = asyncio.create_task(change(client, FILES))
        # Killed again and again while events flow in, flow out and are taken.
        for _ in range(4):
            await log.more_deliveries(10, unless=changing)
            ships.nats.kill()
            await asyncio.sleep(0.5)
            await asyncio.to_thread(ships.nats.start)
        ids = await changing
        seen = await log.until(CHANGES)
        await until_drained(registry)
        stream = await in_stream(registry)
    # Once in the stream and once in the consumer's inbox. The order of each file's events is the
    # stream's: what NATS had handed out when it died comes again later, behind newer events, so
    # a consumer may rely on having each event once and not on having it in its turn.
    told = defaultdict(list)
    for event in stream:
        told[subject_of(event)].append(event.type)
    assert told == {file_id: ["file.created", "file.deleted"] for file_id in ids}
    assert Counter(s.event_id for s in seen) == Counter(e.id for e in stream)
    assert len({e.id for e in stream}) == CHANGES


async def test_fa13_a_crash_between_publish_and_forgetting_is_absorbed(ships: Fleet) -> None:
    """The registry dies after the stream took an event and before its outbox row is gone."""
    registry = await asyncio.to_thread(ships.registry, "fa13crash")
    registry.spawn(ARGOSY_FAILPOINTS="outbox.after_publish=exit@5")
    await asyncio.to_thread(wait_until, lambda: registry.readiness() == {}, "ready")
    ships.nats.kill()
    async with Client(registry) as client:
        ids = await change(client, 10)
    waiting = await outbox_ids(registry)
    assert len(waiting) == 20
    await asyncio.to_thread(ships.nats.start)
    assert await asyncio.to_thread(registry.wait_exit) == 70
    # Five were taken by the stream, none was forgotten: all 20 are sent (again).
    assert await outbox_ids(registry) == waiting
    async with event_log(registry) as log:
        assert [s.event_id for s in await log.until(5)] == waiting[:5]
        await asyncio.to_thread(registry.start)
        seen = await log.until(20)
        await until_drained(registry)
    assert [s.event_id for s in seen] == waiting
    assert {s.subject_id for s in seen} == set(ids)
