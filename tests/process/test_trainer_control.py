"""Cancel, pause and resume: what ends, what is kept, what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.api.trainer.v1 import trainer_pb2 as pb
from argosy.kit.errors import InvalidRequest, NotFound

from tests.harness.trainer_client import Tuner, eventually
from tests.harness.trainer_fleet import Trainer, Yard, gone, yard


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


async def held_at(tuner: Tuner, trainer: Trainer, file: str, step: int, **fields: object) -> str:
    """Create a job whose child stops to wait before `step`; return its id once it waits."""
    trainer.control(hold_at_step=step, hold_file=str(trainer.folder / "go"))
    made = await tuner.create(
        file,
        parameters={"max_steps": 8, "checkpoint_every_steps": 2},
        **fields,  # type: ignore[arg-type]
    )
    await tuner.step(made.id, step - 1)
    return made.id


def let_go(trainer: Trainer) -> None:
    (trainer.folder / "go").touch()


async def test_cancelling_a_running_job_ends_its_child(ships: Yard, trainer: Trainer) -> None:
    file = await ships.upload()
    async with Tuner(trainer) as tuner, ships.files() as files:
        job_id = await held_at(tuner, trainer, file, 4)
        (child,) = trainer.children()
        cancelled = await tuner.cancel(job_id)
        assert cancelled.status == pb.JOB_STATUS_CANCELLED
        assert cancelled.HasField("finished_at")
        assert not cancelled.HasField("estimated_finish")

        async def ended() -> bool:
            return gone(child) and not trainer.run_dir(job_id).exists()

        await eventually(ended, "the child's end", log=trainer.log)
        assert (await tuner.events(job_id))[-1].message == "Fine-tuning job cancelled"
        for verb, word in (
            (tuner.cancel, "cancelled: it has been cancelled"),
            (tuner.pause, "paused: it has been cancelled"),
            (tuner.resume, "resumed: it has been cancelled"),
        ):
            with pytest.raises(InvalidRequest, match=f"cannot be {word}"):
                await verb(job_id)
        # The slot is free and the cancelled job stays so.
        let_go(trainer)
        after = await tuner.create(file, parameters={"max_steps": 1})
        await tuner.succeeded(after.id)
        job = await tuner.get(job_id)
        assert (job.status, job.fine_tuned_model) == (pb.JOB_STATUS_CANCELLED, "")
        [(name,)] = await trainer.sql("SELECT tuned_model FROM jobs WHERE id = $1", job_id)
        with pytest.raises(NotFound):
            await files.model(name)


async def test_a_child_that_ignores_the_request_is_killed(ships: Yard, trainer: Trainer) -> None:
    trainer.stop()
    await asyncio.to_thread(trainer.start, ARGOSY_STOP_GRACE_SECONDS="0.3")
    trainer.control(ignore_sigterm=True, grandchild=True, step_seconds=0.05)
    async with Tuner(trainer) as tuner:
        made = await tuner.create(await ships.upload(), parameters={"max_steps": 1000})
        await tuner.step(made.id, 2)
        (child,) = trainer.children()
        grandchild = int((trainer.run_dir(made.id) / "grandchild").read_text())
        await tuner.cancel(made.id)

        async def both_gone() -> bool:
            return gone(child) and gone(grandchild)

        await eventually(both_gone, "the end of the whole group", 5, trainer.log)


async def test_a_trainer_killed_while_it_cancels_leaves_no_folder(
    ships: Yard, trainer: Trainer
) -> None:
    trainer.stop()
    await asyncio.to_thread(trainer.start, ARGOSY_STOP_GRACE_SECONDS="600")
    trainer.control(ignore_sigterm=True, step_seconds=0.05)
    async with Tuner(trainer) as tuner:
        made = await tuner.create(await ships.upload(), parameters={"max_steps": 10_000})
        await tuner.step(made.id, 2)
        await tuner.cancel(made.id)
    await asyncio.to_thread(trainer.kill)
    assert trainer.run_dir(made.id).exists()
    await asyncio.to_thread(trainer.start, ARGOSY_RELIST_SECONDS="0.5")

    async def removed() -> bool:
        return not trainer.run_dir(made.id).exists()

    await eventually(removed, "the removal of what the cancelled run left", log=trainer.log)
    assert not trainer.children()


async def test_cancelling_a_job_that_waits(ships: Yard, trainer: Trainer) -> None:
    file = await ships.upload()
    async with Tuner(trainer) as tuner:
        running = await held_at(tuner, trainer, file, 2)
        waiting = (await tuner.create(file)).id
        await tuner.until(waiting, lambda j: j.status == pb.JOB_STATUS_QUEUED, "queued")
        assert (await tuner.cancel(waiting)).status == pb.JOB_STATUS_CANCELLED
        let_go(trainer)
        await tuner.succeeded(running)
        assert (await tuner.get(waiting)).status == pb.JOB_STATUS_CANCELLED
        assert not trainer.run_dir(waiting).exists()


async def test_a_paused_job_goes_on_from_its_checkpoint(ships: Yard, trainer: Trainer) -> None:
    file = await ships.upload()
    async with Tuner(trainer) as tuner:
        job_id = await held_at(tuner, trainer, file, 6, seed=11)
        (child,) = trainer.children()
        paused = await tuner.pause(job_id)
        assert paused.status == pb.JOB_STATUS_PAUSED
        assert not paused.HasField("finished_at")
        with pytest.raises(InvalidRequest, match="cannot be paused: it is paused"):
            await tuner.pause(job_id)

        async def child_gone() -> bool:
            return gone(child)

        await eventually(child_gone, "the child's end", log=trainer.log)
        # Others may run meanwhile.
        let_go(trainer)
        other = await tuner.create(file, parameters={"max_steps": 1})
        await tuner.succeeded(other.id)
        assert (await tuner.get(job_id)).status == pb.JOB_STATUS_PAUSED
        assert "step-4" in {p.name for p in _checkpoints(trainer, job_id)}

        assert (await tuner.resume(job_id)).status == pb.JOB_STATUS_QUEUED
        job = await tuner.succeeded(job_id)
        messages = [event.message for event in await tuner.events(job_id)]
        for message in (
            "Fine-tuning job paused",
            "Fine-tuning job resumed, moving job to queued state",
            "Training continues from the checkpoint at step 4",
        ):
            assert messages.count(message) == 1
        reference = await tuner.create(
            file, seed=11, parameters={"max_steps": 8, "checkpoint_every_steps": 2}
        )
        uninterrupted = await tuner.succeeded(reference.id)
        assert await tuner.losses(job_id) == await tuner.losses(reference.id)
        assert job.trained_tokens == uninterrupted.trained_tokens


def _checkpoints(trainer: Trainer, job_id: str) -> list[Path]:
    return list((trainer.run_dir(job_id) / "checkpoints").iterdir())


async def test_pausing_a_queued_job_and_cancelling_a_paused_one(
    ships: Yard, trainer: Trainer
) -> None:
    file = await ships.upload()
    async with Tuner(trainer) as tuner:
        running = await held_at(tuner, trainer, file, 2)
        waiting = (await tuner.create(file, parameters={"max_steps": 1})).id
        await tuner.until(waiting, lambda j: j.status == pb.JOB_STATUS_QUEUED, "queued")
        await tuner.pause(waiting)
        let_go(trainer)
        await tuner.succeeded(running)
        assert (await tuner.get(waiting)).status == pb.JOB_STATUS_PAUSED
        await tuner.resume(waiting)
        await tuner.succeeded(waiting)
        with pytest.raises(InvalidRequest, match="it has already succeeded"):
            await tuner.cancel(waiting)
        again = (await tuner.create(file)).id
        await tuner.until(again, lambda j: j.status != pb.JOB_STATUS_VALIDATING_FILES, "past it")
        await tuner.pause(again)
        assert (await tuner.cancel(again)).status == pb.JOB_STATUS_CANCELLED


async def test_resuming_at_once_never_runs_two_children(ships: Yard, trainer: Trainer) -> None:
    """The old child gets its time to stop before the new one starts."""
    trainer.control(step_seconds=0.02)
    async with Tuner(trainer) as tuner:
        made = await tuner.create(await ships.upload(), parameters={"max_steps": 150})
        for round_ in range(1, 5):
            await tuner.step(made.id, 10 * round_)
            await tuner.pause(made.id)
            await tuner.resume(made.id)
            most = 0

            async def running() -> bool:
                nonlocal most
                count = len(trainer.children())
                most = max(most, count)
                return (await tuner.get(made.id)).status == pb.JOB_STATUS_RUNNING and count == 1

            await eventually(running, "the new child", log=trainer.log)
            assert most <= 1
        await tuner.succeeded(made.id)
        assert len(await tuner.losses(made.id)) == 150


async def test_another_supervisors_run_is_cancelled_too(ships: Yard, trainer: Trainer) -> None:
    """The one that takes the request is not the one that has the child."""
    replica = await asyncio.to_thread(ships.trainer, like=trainer)
    trainer.control(step_seconds=0.05)
    async with Tuner(trainer) as tuner:
        made = await tuner.create(await ships.upload(), parameters={"max_steps": 1000})
        await tuner.step(made.id, 1)
        (child,) = trainer.children()
        await asyncio.to_thread(replica.start)
        async with Tuner(replica) as other:
            await other.cancel(made.id)

            async def child_gone() -> bool:
                return gone(child)

            await eventually(child_gone, "the child's end", 10, trainer.log)
    await asyncio.to_thread(replica.stop)
