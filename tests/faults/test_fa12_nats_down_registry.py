"""FA12: NATS is down during 200 changes of the registry. Nothing is lost, doubled or reordered."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest

from tests.harness.registry_client import Client
from tests.harness.registry_events import Seen, event_log, outbox_ids, until_drained
from tests.harness.registry_fleet import Fleet, fleet

FILES = 80
MODELS = 20
CHANGES = 2 * (FILES + MODELS)
OUTAGE_SECONDS = 30


@pytest.fixture
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


async def change_200_times(client: Client) -> list[str]:
    """Create and delete FILES files and MODELS models, several at a time; return their ids."""

    async def one_file() -> str:
        file = await client.upload()
        await client.delete(file.id)
        return file.id

    async def one_model(number: int) -> str:
        model_id = f"ft:base-one:argosy::fa12{number:04}"
        await client.publish(model_id)
        await client.delete_model(model_id)
        return model_id

    gate = asyncio.Semaphore(8)

    async def gated(work: object) -> str:
        async with gate:
            return await work  # type: ignore[misc]

    works = [one_file() for _ in range(FILES)] + [one_model(n) for n in range(MODELS)]
    return list(await asyncio.gather(*(gated(w) for w in works)))


def assert_once_and_in_order(seen: list[Seen], ids: list[str]) -> None:
    assert Counter(s.event_id for s in seen).most_common(1)[0][1] == 1
    story = defaultdict(list)
    for one in seen:
        story[one.subject_id].append(one.type)
    for subject_id in ids:
        aggregate = "model" if subject_id.startswith("ft:") else "file"
        begins = {"file": "file.created", "model": "model.published"}[aggregate]
        assert story.pop(subject_id) == [begins, f"{aggregate}.deleted"]
    assert not story


async def test_fa12_nats_down_during_200_changes(ships: Fleet) -> None:
    registry = await asyncio.to_thread(ships.registry, "fa12")
    await asyncio.to_thread(registry.start)
    async with Client(registry) as client:
        ships.nats.kill()
        begun = time.monotonic()
        # Each call raises if it is not answered well: the API stays 2xx.
        ids = await change_200_times(client)
        waiting = await outbox_ids(registry)
        assert len(waiting) == CHANGES
        assert registry.metric("argosy_outbox_pending_events") > 0
        # Several tries of the outbox and of the client fall into the outage.
        await asyncio.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - begun)))
        missing = await asyncio.to_thread(registry.readiness)
        assert missing is not None
        assert list(missing) == ["stream"]
        await asyncio.to_thread(ships.nats.start)
        async with event_log(registry) as log:
            seen = await log.until(CHANGES)
            await until_drained(registry)
    # The consumer's inbox order is the outbox's order.
    assert [s.event_id for s in seen] == waiting
    assert_once_and_in_order(seen, ids)
    assert registry.readiness() == {}
    assert registry.stored() == []
