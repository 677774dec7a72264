"""FA25, the registry's part: kill -9 of PostgreSQL, and of the registry, in mid-transaction.

There is never a row without its event, nor an event without its row, nor a row without its bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest
from argosy.api.events.v1.events_pb2 import Event
from argosy.kit.errors import ApiError

from tests.harness.registry_client import LINE, Client
from tests.harness.registry_events import subject_of
from tests.harness.registry_fleet import Fleet, Registry, fleet
from tests.harness.servers import wait_until


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        # Events stay in the outbox, where they can be compared with the rows.
        running.nats.kill()
        yield running


async def hold_together(registry: Registry) -> tuple[set[str], set[str]]:
    """Compare rows and events; return the ids of the files and models that exist."""
    connection = await asyncpg.connect(registry.env["ARGOSY_DATABASE_URL"], timeout=10)
    try:
        payloads = await connection.fetch("SELECT payload FROM registry.outbox ORDER BY seq")
        files = {r["id"] for r in await connection.fetch("SELECT id FROM registry.file")}
        models = {
            r["id"]: r["deleted_at"] is None
            for r in await connection.fetch("SELECT id, deleted_at FROM registry.adapter")
        }
        changes = {
            r["id"]: not r["removed"]
            for r in await connection.fetch(
                "SELECT id, removed FROM registry.catalog_change WHERE id LIKE 'ft:%'"
            )
        }
    finally:
        await connection.close()
    told: dict[str, bool] = {}
    for row in payloads:
        event = Event.FromString(row["payload"])
        told[subject_of(event)] = not event.type.endswith(".deleted")
    assert {s for s, there in told.items() if there and s.startswith("file-")} == files
    assert {s: there for s, there in told.items() if s.startswith("ft:")} == models == changes
    return files, {m for m, there in models.items() if there}


async def test_fa25_kill_database_under_load(ships: Fleet) -> None:
    registry = await asyncio.to_thread(
        ships.registry, "fa25", env={"ARGOSY_ORPHAN_GRACE_SECONDS": "0"}
    )
    registry.spawn()
    await asyncio.to_thread(
        wait_until, lambda: list(registry.readiness() or {"x": ""}) == ["stream"], "started"
    )
    created: set[str] = set()
    deleted: set[str] = set()
    stop = asyncio.Event()

    async def busy(client: Client, worker: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                if worker == 0:
                    model_id = f"ft:base-one:argosy::{number:08}"
                    await client.publish(model_id)
                    created.add(model_id)
                    await client.delete_model(model_id)
                    deleted.add(model_id)
                else:
                    file = await client.upload()
                    created.add(file.id)
                    if number % 3 == 0:
                        await client.delete(file.id)
                        deleted.add(file.id)
            except ApiError:
                await asyncio.sleep(0.05)

    async with Client(registry) as client:
        work = [asyncio.create_task(busy(client, n)) for n in range(4)]
        for _ in range(4):
            mark = len(created) + 25
            await asyncio.to_thread(
                wait_until, lambda mark=mark: len(created) >= mark, "25 more changes", 30
            )
            await asyncio.to_thread(ships.postgres.kill)
            await asyncio.to_thread(ships.postgres.start)
        stop.set()
        await asyncio.gather(*work)
        files, models = await hold_together(registry)
        # What was acknowledged is there, and what was deleted with an answer is not.
        assert created - deleted <= files | models
        assert not deleted & (files | models)
        for file_id in files:
            assert await client.read(file_id) == LINE
    registry.kill()
    registry.spawn()
    # Bytes without a row went with the next start; those with one stayed.
    await asyncio.to_thread(
        wait_until, lambda: len(registry.stored()) == len(files) + 2 * len(models), "collection"
    )


@pytest.mark.parametrize("failpoint", ["registry.file.before_commit", "registry.file.before_row"])
async def test_fa25_kill_registry_in_mid_transaction(ships: Fleet, failpoint: str) -> None:
    registry = await asyncio.to_thread(ships.registry, failpoint.replace(".", "_"))
    registry.spawn(ARGOSY_FAILPOINTS=f"{failpoint}=exit@3")
    await asyncio.to_thread(
        wait_until, lambda: list(registry.readiness() or {"x": ""}) == ["stream"], "started"
    )
    async with Client(registry) as client:
        kept = {(await client.upload()).id, (await client.upload()).id}
        with pytest.raises(ApiError):
            await client.upload()
    assert await asyncio.to_thread(registry.wait_exit) == 70
    assert await hold_together(registry) == (kept, set())
