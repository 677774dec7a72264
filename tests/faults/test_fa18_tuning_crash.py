"""FA18: kill -9 of the trainer's child and of its supervisor at any step. The job resumes from the
last complete checkpoint, its losses are those of an uninterrupted run, it has one adapter version.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Iterator

import pytest
from argosy.api.trainer.v1 import trainer_pb2 as pb

from tests.harness.registry_client import Client
from tests.harness.trainer_client import Tuner, eventually
from tests.harness.trainer_fleet import Trainer, Yard, gone, yard

STEPS = {"max_steps": 30, "checkpoint_every_steps": 5}


@pytest.fixture(scope="module")
def ships() -> Iterator[Yard]:
    with yard() as running:
        yield running


@pytest.fixture
def trainer(ships: Yard) -> Iterator[Trainer]:
    started = ships.trainer()
    started.control()
    yield started.start()
    ships.close_trainers()


async def reference(tuner: Tuner, ships: Yard, seed: int) -> tuple[dict[int, float], int]:
    """Return the losses and the tokens of a run that nothing interrupts."""
    made = await tuner.create(await ships.upload(), seed=seed, parameters=STEPS)
    job = await tuner.succeeded(made.id)
    return await tuner.losses(job.id), job.trained_tokens


async def check(
    tuner: Tuner,
    files: Client,
    trainer: Trainer,
    job: pb.Job,
    expected: tuple[dict[int, float], int],
) -> None:
    """The invariants: as uninterrupted, told once, published once, charged once, nothing left."""
    assert job.status == pb.JOB_STATUS_SUCCEEDED, job
    assert (await tuner.losses(job.id), job.trained_tokens) == expected
    assert [c.step for c in await tuner.checkpoints(job.id)] == [5, 10, 15, 20, 25, 30]
    messages = [event.message for event in await tuner.events(job.id)]
    for once in ("Fine-tuning job started", "The job has successfully completed"):
        assert messages.count(once) == 1
    watch = files.watch()
    await watch.until("synced")
    entries = watch.entries.items()
    models = sorted(m.id for (kind, _), m in entries if kind == "model" and m.job_id == job.id)
    watch.cancel()
    assert models == sorted(
        [job.fine_tuned_model]
        + [f"{job.fine_tuned_model}:ckpt-step-{step}" for step in (5, 10, 15, 20, 25, 30)]
    )

    async def drained() -> bool:
        return (await trainer.sql("SELECT count(*) FROM outbox"))[0][0] == 0

    await eventually(drained, "an empty outbox")

    async def charged() -> bool:
        entries = (await files.list_usage()).entries
        return sum(entry.request_id == job.id for entry in entries) == 1

    await eventually(charged, "one entry in the ledger")
    assert not trainer.children()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_fa18_the_child_dies_at_a_random_step(
    ships: Yard, trainer: Trainer, seed: int
) -> None:
    draw = random.Random(seed)
    async with Tuner(trainer) as tuner, ships.files() as files:
        expected = await reference(tuner, ships, seed)
        trainer.control(step_seconds=0.01)
        made = await tuner.create(await ships.upload(), seed=seed, parameters=STEPS)
        for _ in range(2):
            step = (await tuner.get(made.id)).completed_steps
            await tuner.step(made.id, min(28, step + draw.randint(1, 10)))
            for child in trainer.children():
                os.kill(child, signal.SIGKILL)
        await check(tuner, files, trainer, await tuner.ended(made.id), expected)


@pytest.mark.parametrize("seed", [4, 5, 6])
async def test_fa18_the_supervisor_dies_at_a_random_step(
    ships: Yard, trainer: Trainer, seed: int
) -> None:
    draw = random.Random(seed)
    # Nobody waits for such a lease: the supervisor must know it as its own.
    await asyncio.to_thread(trainer.stop)
    await asyncio.to_thread(trainer.start, ARGOSY_LEASE_SECONDS="600")
    async with Tuner(trainer) as tuner, ships.files() as files:
        expected = await reference(tuner, ships, seed)
        at = draw.randint(1, 25)
        # The child waits there, so that it is at work when its supervisor dies.
        trainer.control(lives=[{"hold_at_step": at + 1, "hold_file": "/nowhere"}])
        made = await tuner.create(await ships.upload(), seed=seed, parameters=STEPS)
        await tuner.step(made.id, at)
        (child,) = trainer.children()
        await asyncio.to_thread(trainer.kill)

        async def child_gone() -> bool:
            return gone(child)

        await eventually(child_gone, "the death of the supervisor's child", 5)
        await asyncio.to_thread(trainer.start, ARGOSY_LEASE_SECONDS="600")
        await check(tuner, files, trainer, await tuner.ended(made.id), expected)


@pytest.mark.parametrize(
    "failpoint",
    [
        "trainer.checkpoint.published=exit@3",
        "trainer.finish.finalizing=exit",
        "trainer.finish.published=exit",
        "trainer.finish.succeeded=exit",
    ],
)
async def test_fa18_the_supervisor_dies_between_publishing_and_writing_it_down(
    ships: Yard, trainer: Trainer, failpoint: str
) -> None:
    async with Tuner(trainer) as tuner, ships.files() as files:
        expected = await reference(tuner, ships, 7)
        await asyncio.to_thread(trainer.stop)
        await asyncio.to_thread(trainer.start, ARGOSY_FAILPOINTS=failpoint)
        made = await tuner.create(await ships.upload(), seed=7, parameters=STEPS)

        async def dead() -> bool:
            return not trainer.alive()

        await eventually(dead, "the failpoint", log=trainer.log)
        await asyncio.to_thread(trainer.start)
        await check(tuner, files, trainer, await tuner.ended(made.id), expected)
        run = trainer.run_dir(made.id)

        async def slim() -> bool:
            return not any((run / name).exists() for name in ("data", "checkpoints"))

        await eventually(slim, "a folder without records and checkpoints", log=trainer.log)


async def test_fa18_a_frozen_supervisor_loses_its_job_and_does_no_harm(
    ships: Yard, trainer: Trainer
) -> None:
    """Its lease lapses, another takes over; when it wakes up it must not write a word."""
    replica = await asyncio.to_thread(ships.trainer, like=trainer)
    async with Tuner(trainer) as tuner, ships.files() as files:
        expected = await reference(tuner, ships, 8)
        trainer.control(step_seconds=0.02)
        made = await tuner.create(await ships.upload(), seed=8, parameters=STEPS)
        await tuner.step(made.id, 7)
        os.kill(trainer.pid, signal.SIGSTOP)
        try:
            await asyncio.to_thread(replica.start)
            async with Tuner(replica) as other:
                await other.succeeded(made.id)
        finally:
            os.kill(trainer.pid, signal.SIGCONT)

        async def let_go() -> bool:
            return not trainer.children()

        await eventually(let_go, "the end of the first child", log=trainer.log)
        await check(tuner, files, trainer, await tuner.get(made.id), expected)
        # It still works.
        after = await tuner.create(await ships.upload(), parameters={"max_steps": 1})
        await tuner.succeeded(after.id)
        assert trainer.alive()


async def test_fa18_another_machine_takes_over_when_the_lease_lapses(
    ships: Yard, trainer: Trainer
) -> None:
    replica = await asyncio.to_thread(ships.trainer, like=trainer)
    async with Tuner(trainer) as tuner:
        expected = await reference(tuner, ships, 9)
        trainer.control(step_seconds=0.02)
        made = await tuner.create(await ships.upload(), seed=9, parameters=STEPS)
        await tuner.step(made.id, 12)
        await asyncio.to_thread(trainer.kill)
    await asyncio.to_thread(replica.start)
    async with Tuner(replica) as tuner, ships.files() as files:
        await check(tuner, files, replica, await tuner.ended(made.id), expected)
