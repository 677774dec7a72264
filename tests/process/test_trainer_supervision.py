"""Children that die, hang, fail or chatter, and peers that go away meanwhile: the job goes on or
fails with a reason, and the supervisor lives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from argosy.api.trainer.v1 import trainer_pb2 as pb
from argosy.trainer.patience import insist

from tests.harness.proxy import TcpProxy
from tests.harness.trainer_client import Tuner, eventually
from tests.harness.trainer_fleet import Trainer, Yard, gone, yard

EIGHT = {"max_steps": 8, "checkpoint_every_steps": 2}


@pytest.fixture(scope="module")
def ships() -> Iterator[Yard]:
    with yard() as running:
        yield running


@pytest.fixture
def trainer(ships: Yard) -> Iterator[Trainer]:
    started = ships.trainer()
    started.control()
    yield started.start(ARGOSY_STALL_SECONDS="1")
    assert started.alive()
    ships.close_trainers()


async def test_a_child_that_crashes_is_started_again(ships: Yard, trainer: Trainer) -> None:
    trainer.control(lives=[{"die_at_step": 4}, {"exit_at_step": 6}, {"die_at_step": 5}])
    async with Tuner(trainer) as tuner:
        crashes = trainer.metric("argosy_trainer_child_crashes_total")
        made = await tuner.create(await ships.upload(), seed=5, parameters=EIGHT)
        job = await tuner.succeeded(made.id)
        assert trainer.metric("argosy_trainer_child_crashes_total") == crashes + 3
        warnings = [e.message for e in await tuner.events(job.id) if e.level == "warn"]
        assert warnings == [
            "Training was interrupted (it was killed by signal 9); retry 1 of 3",
            "Training was interrupted (it exited with status 3); retry 1 of 3",
            # No new checkpoint in between: the second in a row.
            "Training was interrupted (it was killed by signal 9); retry 2 of 3",
        ]
        trainer.control()
        reference = await tuner.create(await ships.upload(), seed=5, parameters=EIGHT)
        uninterrupted = await tuner.succeeded(reference.id)
        assert job.trained_tokens == uninterrupted.trained_tokens
        assert await tuner.losses(job.id) == await tuner.losses(reference.id)
        assert [c.step for c in await tuner.checkpoints(job.id)] == [2, 4, 6, 8]


async def test_a_child_that_crashes_without_progress_fails_the_job(
    ships: Yard, trainer: Trainer
) -> None:
    trainer.control(exit_at_step=4, exit_status=70)
    async with Tuner(trainer) as tuner:
        made = await tuner.create(await ships.upload(), parameters=EIGHT)
        job = await tuner.failed(made.id)
        assert job.error.code == "worker_crashed"
        assert "4 times without progress" in job.error.message
        assert "it exited with status 70" in job.error.message
        last = (await tuner.events(made.id))[-1]
        assert (last.level, last.message) == ("error", f"The job failed: {job.error.message}")
        # The next job has its slot.
        trainer.control()
        after = await tuner.create(await ships.upload(), parameters=EIGHT)
        await tuner.succeeded(after.id)


@pytest.mark.parametrize("reason", ["bad_data", "disk_full", "out_of_memory", "internal"])
async def test_a_reason_is_handed_on_and_not_retried(
    ships: Yard, trainer: Trainer, reason: str
) -> None:
    trainer.control(fail_at_step=4, fail_reason=reason, fail_message="line 3: bad")
    async with Tuner(trainer) as tuner:
        made = await tuner.create(await ships.upload(), parameters=EIGHT)
        job = await tuner.failed(made.id)
        assert (job.error.code, job.error.message) == (reason, "line 3: bad")
        assert job.fine_tuned_model == ""
        assert (trainer.run_dir(made.id) / "lives").read_text() == "1"
        # What was saved before stays for who looks.
        assert (trainer.run_dir(made.id) / "checkpoints" / "step-2").exists()


async def test_a_silent_child_is_replaced(ships: Yard, trainer: Trainer) -> None:
    trainer.control(lives=[{"hang_at_step": 4}])
    async with Tuner(trainer) as tuner:
        made = await tuner.create(await ships.upload(), parameters=EIGHT)
        await tuner.succeeded(made.id)
        warnings = [e.message for e in await tuner.events(made.id) if e.level == "warn"]
        assert warnings == ["Training was interrupted (it said nothing for 1 s); retry 1 of 3"]


async def test_a_chatty_child_with_a_grandchild_is_understood(
    ships: Yard, trainer: Trainer
) -> None:
    trainer.control(noise=True, grandchild=True)
    async with Tuner(trainer) as tuner:
        made = await tuner.create(await ships.upload(), parameters=EIGHT)
        await tuner.succeeded(made.id)
        grandchild = int((trainer.run_dir(made.id) / "grandchild").read_text())
        assert gone(grandchild)


async def test_a_child_that_cannot_be_started_fails_the_job(ships: Yard) -> None:
    env = {"ARGOSY_WORKER_COMMAND": json.dumps(["/no/such/python"])}
    trainer = await asyncio.to_thread(ships.trainer, env=env)
    await asyncio.to_thread(trainer.start)
    async with Tuner(trainer) as tuner:
        made = await tuner.create(await ships.upload(), parameters=EIGHT)
        job = await tuner.failed(made.id)
        assert job.error.code == "internal"
        assert "No such file" in job.error.message
    assert trainer.alive()
    await asyncio.to_thread(ships.close_trainers)


async def test_a_checkpoint_that_the_child_cannot_read_is_left_out(
    ships: Yard, trainer: Trainer
) -> None:
    lives = [{"die_at_step": 6}, {"refuse_to_resume": True}, {"refuse_to_resume": True}]
    trainer.control(lives=lives)
    async with Tuner(trainer) as tuner:
        made = await tuner.create(await ships.upload(), parameters=EIGHT)
        await tuner.succeeded(made.id)
        messages = [event.message for event in await tuner.events(made.id)]
        assert "Training starts again from the first step" in messages


async def test_the_estimate_moves_with_the_steps(ships: Yard, trainer: Trainer) -> None:
    trainer.control(step_seconds=0.1)
    async with Tuner(trainer) as tuner:
        made = await tuner.create(await ships.upload(), parameters={"max_steps": 15})
        seen = set()
        for step in (2, 6, 10, 14):
            job = await tuner.step(made.id, step)
            seen.add(job.estimated_finish.ToNanoseconds())
            left = job.estimated_finish.ToNanoseconds() / 1e9 - _now()
            assert -1 < left < 15
        assert len(seen) == 4
        await tuner.succeeded(made.id)


def _now() -> float:
    from time import time

    return time()


async def test_training_goes_on_while_the_registry_is_away(ships: Yard) -> None:
    proxy = TcpProxy(ships.registry.port)
    trainer = await asyncio.to_thread(ships.trainer, registry_address=proxy.address)
    trainer.control(hold_at_step=2, hold_file=str(trainer.folder / "go"))
    await asyncio.to_thread(trainer.start)
    try:
        async with Tuner(trainer) as tuner, ships.files() as files:
            made = await tuner.create(await ships.upload(), parameters=EIGHT)
            await tuner.step(made.id, 1)
            proxy.faults.refuse = True
            await asyncio.to_thread(proxy.reset_all)
            (trainer.folder / "go").touch()
            job = await tuner.step(made.id, 8)
            assert job.status == pb.JOB_STATUS_RUNNING
            assert not await tuner.checkpoints(made.id)

            async def retried() -> bool:
                return trainer.metric("argosy_trainer_publish_retries_total") > 0

            await eventually(retried, "a retry", log=trainer.log)
            proxy.heal()
            job = await tuner.succeeded(made.id)
            assert [c.step for c in await tuner.checkpoints(made.id)] == [2, 4, 6, 8]
            assert (await files.model(job.fine_tuned_model)).step == 8
    finally:
        await asyncio.to_thread(ships.close_trainers)
        await asyncio.to_thread(proxy.close)


async def test_a_cancel_while_the_registry_is_away_wins(ships: Yard) -> None:
    """The child is done, its checkpoints wait: nothing is published after the cancel."""
    proxy = TcpProxy(ships.registry.port)
    trainer = await asyncio.to_thread(ships.trainer, registry_address=proxy.address)
    trainer.control(hold_at_step=2, hold_file=str(trainer.folder / "go"))
    await asyncio.to_thread(trainer.start)
    try:
        async with Tuner(trainer) as tuner, ships.files() as files:
            made = await tuner.create(await ships.upload(), parameters=EIGHT)
            await tuner.step(made.id, 1)
            proxy.faults.refuse = True
            await asyncio.to_thread(proxy.reset_all)
            (trainer.folder / "go").touch()
            await tuner.step(made.id, 8)
            await tuner.cancel(made.id)
            proxy.heal()
            # Another job through the same slot and registry: what the first could do, it did.
            file = await ships.upload()

            async def create() -> pb.Job:
                return await tuner.create(file, parameters={"max_steps": 1})

            # The trainer's connection to the registry is back after a moment.
            other = await insist(create, "a test")
            await tuner.succeeded(other.id)
            assert (await tuner.get(made.id)).status == pb.JOB_STATUS_CANCELLED
            assert not await tuner.checkpoints(made.id)
            watch = files.watch()
            await watch.until("synced")
            jobs = {m.job_id for (kind, _), m in watch.entries.items() if kind == "model"}
            assert made.id not in jobs
            watch.cancel()
    finally:
        await asyncio.to_thread(ships.close_trainers)
        await asyncio.to_thread(proxy.close)


async def test_a_stopped_trainer_leaves_its_job_to_the_next(ships: Yard, trainer: Trainer) -> None:
    trainer.control(lives=[{"hold_at_step": 6, "hold_file": "/never"}])
    async with Tuner(trainer) as tuner:
        made = await tuner.create(await ships.upload(), parameters=EIGHT)
        await tuner.step(made.id, 5)
        (child,) = trainer.children()
        assert await asyncio.to_thread(trainer.stop) == 0
        assert gone(child)
        [(state, held)] = await trainer.sql(
            "SELECT state, lease_until IS NOT NULL FROM jobs WHERE id = $1", made.id
        )
        assert (state, held) == ("running", False)
        # Too long to wait for a lease to lapse: it was given back.
        await asyncio.to_thread(trainer.start, ARGOSY_LEASE_SECONDS="600")
        job = await tuner.succeeded(made.id)
        assert job.completed_steps == 8
        assert len(await tuner.losses(made.id)) == 8
