"""Children of data tasks: killed at any moment they leave nothing half done, and one end each."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from argosy.api.common.v1.common_pb2 import ERROR_KIND_INTERNAL, ERROR_KIND_UNAVAILABLE

from tests.harness.dataset_client import DatasetClient, peak_rss_bytes
from tests.harness.registry_fleet import Fleet, Registry, fleet
from tests.harness.servers import eventually

# A million in `make nightly`.
ROWS = int(os.environ.get("ARGOSY_IMPORT_ROWS", "50000"))
# Long enough under way to be hit, on any machine.
SOME = 20_000
MIB = 1 << 20


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture(scope="module")
def registry(ships: Fleet) -> Registry:
    quick = {"ARGOSY_DATA_LEASE_SECONDS": "2", "ARGOSY_DATA_RETRY_SECONDS": "0.2"}
    registry = ships.registry("children", env=quick)
    registry.start()
    return registry


@pytest.fixture
async def client(registry: Registry) -> AsyncIterator[DatasetClient]:
    if registry.readiness() is None:
        registry.start()
    async with DatasetClient(registry) as client:
        yield client


def lines(count: int) -> list[bytes]:
    """Return records of about 300 bytes, in pieces."""
    answer = "A sloop has one mast, a brig two, a full-rigged ship three or more. " * 3
    pieces = []
    for start in range(0, count, 500):
        rows = [
            json.dumps(
                {
                    "messages": [
                        {"role": "user", "content": f"How many masts has ship {n}? 几根桅杆？"},
                        {"role": "assistant", "content": answer},
                    ]
                },
                ensure_ascii=False,
            )
            for n in range(start, min(start + 500, count))
        ]
        pieces.append(("\n".join(rows) + "\n").encode())
    return pieces


async def counts(registry: Registry, dataset_id: str) -> tuple[int, int]:
    """Return how many records and versions of a data set the tables really hold."""
    connection = await asyncpg.connect(registry.env["ARGOSY_DATABASE_URL"])
    try:
        found = await connection.fetchrow(
            """
            SELECT count(r.position) AS records, count(DISTINCT v.id) AS versions
            FROM registry.dataset_version v
            LEFT JOIN registry.dataset_record r ON r.version = v.seq
            WHERE v.dataset_id = $1
            """,
            dataset_id,
        )
    finally:
        await connection.close()
    return found["records"], found["versions"]


async def under_way(client: DatasetClient, task: object) -> None:
    async def look() -> bool:
        return (await client.task(task.id)).processed > 0  # type: ignore[attr-defined]

    await eventually(look, "progress")


async def test_c04_a_large_import_in_bounded_memory_with_progress(
    registry: Registry, client: DatasetClient
) -> None:
    dataset = await client.create()
    task = await client.bring_in(dataset.id, lines(ROWS))
    pid = await client.child(task)
    peak, seen = 0, set()
    while (now := await client.task(task.id)).status in {"queued", "running"}:
        peak = max(peak, await asyncio.to_thread(peak_rss_bytes, pid))
        seen.add(now.processed)
        await asyncio.sleep(0.05)
    assert now.status == "succeeded", now.error
    assert now.processed == ROWS
    assert 0 < peak < 300 * MIB, f"{peak >> 20} MiB"
    result = json.loads(now.result)
    assert (result["status"], result["records"], result["refused"]) == ("success", ROWS, 0)
    assert await counts(registry, dataset.id) == (ROWS, 1)
    found = (await client.dataset(dataset.id)).latest_version
    assert found.records == ROWS
    published = await client.publish_version(found)
    content = await client.content(published.id)
    assert hashlib.sha256(content).hexdigest() == _digest_as_published(lines(ROWS))


def _digest_as_published(pieces: list[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        for line in piece.decode().splitlines():
            dumped = json.dumps(json.loads(line), ensure_ascii=False, separators=(",", ":"))
            digest.update(f"{dumped}\n".encode())
    return digest.hexdigest()


async def test_a_child_that_is_killed_is_started_again_and_leaves_no_rows(
    registry: Registry, client: DatasetClient
) -> None:
    dataset = await client.create()
    task = await client.bring_in(dataset.id, lines(SOME))
    pid = await client.child(task)
    await under_way(client, task)
    os.kill(pid, signal.SIGKILL)
    ended = await client.ended(task)
    assert (ended.status, ended.attempts) == ("succeeded", 2)
    assert await counts(registry, dataset.id) == (SOME, 1)


async def test_a_cancelled_import_leaves_nothing(registry: Registry, client: DatasetClient) -> None:
    dataset = await client.create()
    task = await client.bring_in(dataset.id, lines(SOME))
    pid = await client.child(task)
    await under_way(client, task)
    await client.cancel(task)
    ended = await client.ended(task)
    assert ended.status == "cancelled"
    assert await counts(registry, dataset.id) == (0, 1)
    await eventually(lambda: _gone(pid), "the child to be gone")
    again = await client.bring_in(dataset.id, lines(10))
    assert (await client.ended(again)).status == "succeeded"


async def _gone(pid: int) -> bool:
    return not peak_rss_bytes(pid)


async def test_the_registry_is_killed_and_another_life_ends_the_task(
    registry: Registry, client: DatasetClient
) -> None:
    dataset = await client.create()
    task = await client.bring_in(dataset.id, lines(SOME))
    pid = await client.child(task)
    await under_way(client, task)
    registry.kill()
    await eventually(lambda: _gone(pid), "the child to go with its parent")
    registry.start()
    async with DatasetClient(registry) as again:
        ended = await again.ended(task)
        assert ended.status == "succeeded"
        assert await counts(registry, dataset.id) == (SOME, 1)


async def test_work_that_always_kills_its_child_fails_once_and_lands_nothing(
    registry: Registry, client: DatasetClient
) -> None:
    registry.stop()
    # After the rows are in, before the commit: the worst moment.
    registry.start(ARGOSY_FAILPOINTS="registry.dataset.after_copy=exit")
    async with DatasetClient(registry) as hurt:
        dataset = await hurt.create()
        task = await hurt.bring_in(dataset.id, lines(10))
        ended = await hurt.ended(task)
        assert (ended.status, ended.attempts) == ("failed", 3)
        assert (ended.error.kind, ended.error.code) == (ERROR_KIND_INTERNAL, "task_crashed")
        assert await counts(registry, dataset.id) == (0, 1)
        assert [name for name in registry.stored() if name.startswith("staging")] == []
    registry.stop()
    registry.start(ARGOSY_FAILPOINTS="registry.dataset.after_copy=enospc")
    async with DatasetClient(registry) as full:
        dataset = await full.create()
        ended = await full.ended(await full.bring_in(dataset.id, lines(10)))
        assert (ended.status, ended.attempts) == ("failed", 1)
        assert (ended.error.kind, ended.error.code) == (ERROR_KIND_UNAVAILABLE, "storage_full")
        assert await counts(registry, dataset.id) == (0, 1)
    registry.stop()
    registry.start()


async def test_twenty_tasks_with_random_kills_have_one_end_each(
    registry: Registry, client: DatasetClient
) -> None:
    made = []
    for _ in range(20):
        dataset = await client.create()
        made.append((dataset, await client.bring_in(dataset.id, lines(40))))
    tasks = [task.id for _, task in made]
    for _ in range(3):
        os.kill(await client.any_child(tasks), signal.SIGKILL)
    for dataset, task in made:
        ended = await client.ended(task)
        assert ended.status == "succeeded"
        assert await counts(registry, dataset.id) == (40, 1)
