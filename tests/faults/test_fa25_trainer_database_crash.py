"""FA25, the trainer's half: kill -9 of PostgreSQL in the middle of transactions. There is never a
job without its event nor an event without its job, and a running job goes on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import nats
import nats.errors
import pytest
from argosy.api import subjects
from argosy.api.events.v1.events_pb2 import Event
from argosy.kit.errors import Unavailable

from tests.harness.trainer_client import Tuner, eventually
from tests.harness.trainer_fleet import Trainer, Yard, yard

SEED = 25
ROUNDS = 4


@pytest.fixture
def ships() -> Iterator[Yard]:
    with yard() as running:
        yield running


@pytest.fixture
def trainer(ships: Yard) -> Trainer:
    return ships.trainer().start()


async def test_fa25_the_database_dies_in_the_middle(ships: Yard, trainer: Trainer) -> None:
    draw = random.Random(SEED)
    file = await ships.upload()
    acknowledged: set[str] = set()
    trainer.control(step_seconds=0.05)
    async with Tuner(trainer) as tuner:
        running = await tuner.create(file, parameters={"max_steps": 150})
        await tuner.step(running.id, 2)
        stop = asyncio.Event()

        async def create_on() -> None:
            while not stop.is_set():
                try:
                    made = await tuner.create(file, parameters={"max_steps": 1})
                except Unavailable:
                    await asyncio.sleep(0.05)
                else:
                    acknowledged.add(made.id)

        creators = [asyncio.create_task(create_on()) for _ in range(3)]
        for round_ in range(1, ROUNDS + 1):
            enough = 8 * round_

            async def busy(enough: int = enough) -> bool:
                return len(acknowledged) >= enough

            await eventually(busy, "creations", log=trainer.log)
            await asyncio.sleep(draw.uniform(0, 0.1))
            ships.ships.postgres.kill()
            ships.ships.postgres.start()
        stop.set()
        await asyncio.gather(*creators)

        job = await tuner.succeeded(running.id, 60)
        assert len(await tuner.losses(job.id)) == 150
        for job_id in acknowledged:
            assert (await tuner.get(job_id)).id == job_id

    [(orphans,)] = await trainer.sql(
        "SELECT count(*) FROM jobs j WHERE NOT EXISTS"
        " (SELECT 1 FROM events e WHERE e.job_id = j.id AND e.key = 'created')"
    )
    assert orphans == 0

    async def drained() -> bool:
        return (await trainer.sql("SELECT count(*) FROM outbox"))[0][0] == 0

    await eventually(drained, "an empty outbox", log=trainer.log)
    jobs = {row["id"] for row in await trainer.sql("SELECT id FROM jobs")}
    assert acknowledged <= jobs
    told = await news_of_jobs(ships)
    assert sorted(told) == sorted(jobs)
    assert trainer.alive()


async def news_of_jobs(ships: Yard) -> list[str]:
    """Return the job of every `job.created` in the stream."""
    client = await nats.connect(f"nats://127.0.0.1:{ships.ships.nats.port}")
    try:
        subscription = await client.jetstream().subscribe(
            subjects.of(subjects.JOB_CREATED), ordered_consumer=True
        )
        told = []
        while True:
            try:
                message = await subscription.next_msg(timeout=1)
            except nats.errors.TimeoutError:
                return told
            told.append(Event.FromString(message.data).job_created.job_id)
    finally:
        await client.close()
