"""What the registry's news and the periodic comparison do: deleted files, deleted models."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from argosy.api.trainer.v1 import trainer_pb2 as pb

from tests.harness.trainer_client import Tuner, eventually
from tests.harness.trainer_fleet import Trainer, Yard, yard


@pytest.fixture(scope="module")
def ships() -> Iterator[Yard]:
    with yard() as running:
        yield running


@pytest.fixture
def trainer(ships: Yard) -> Iterator[Trainer]:
    yield ships.trainer()
    ships.close_trainers()


async def busy(tuner: Tuner, ships: Yard, trainer: Trainer) -> str:
    """Occupy the slot with a job that waits for the file `go`."""
    trainer.control(hold_at_step=2, hold_file=str(trainer.folder / "go"))
    made = await tuner.create(await ships.upload(), parameters={"max_steps": 3})
    await tuner.step(made.id, 1)
    return made.id


async def test_a_queued_job_whose_file_is_deleted_fails(ships: Yard, trainer: Trainer) -> None:
    # Without the periodic comparison: the event alone must do it.
    await asyncio.to_thread(trainer.start, ARGOSY_RELIST_SECONDS="3600")
    good, doomed = await ships.upload(), await ships.upload()
    async with Tuner(trainer) as tuner, ships.files() as files:
        running = await busy(tuner, ships, trainer)
        first = await tuner.create(doomed)
        second = await tuner.create(good, validation_file=doomed)
        third = await tuner.create(good, parameters={"max_steps": 1})
        for job in (first, second, third):
            await tuner.until(job.id, lambda j: j.status == pb.JOB_STATUS_QUEUED, "queued")
        await files.delete(doomed)
        failed = await tuner.failed(first.id)
        assert (failed.error.code, failed.error.param) == (
            "invalid_training_file",
            "training_file",
        )
        assert f"'{doomed}'" in failed.error.message
        assert "Upload it again" in failed.error.message
        assert (await tuner.failed(second.id)).error.param == "validation_file"
        (trainer.folder / "go").touch()
        await tuner.succeeded(running)
        await tuner.succeeded(third.id)


async def test_a_lost_event_costs_one_period(ships: Yard, trainer: Trainer) -> None:
    """No event reaches this trainer, which has no event bus; the comparison finds out."""
    await asyncio.to_thread(trainer.spawn, ARGOSY_NATS_URL="nats://127.0.0.1:1",
                            ARGOSY_RELIST_SECONDS="0.3")  # fmt: skip
    doomed = await ships.upload()
    async with Tuner(trainer) as tuner, ships.files() as files:

        async def answers() -> bool:
            missing = await asyncio.to_thread(trainer.readiness)
            return missing is not None and set(missing) == {"events"}

        await eventually(answers, "the trainer")
        running = await busy(tuner, ships, trainer)
        waiting = await tuner.create(doomed)
        await files.delete(doomed)
        assert (await tuner.failed(waiting.id)).error.param == "training_file"
        (trainer.folder / "go").touch()
        await tuner.succeeded(running)


async def test_a_deleted_model_takes_its_run_along(ships: Yard, trainer: Trainer) -> None:
    await asyncio.to_thread(trainer.start, ARGOSY_RELIST_SECONDS="3600")
    async with Tuner(trainer) as tuner, ships.files() as files:
        made = await tuner.create(await ships.upload(), parameters={"max_steps": 4})
        job = await tuner.succeeded(made.id)
        run = trainer.run_dir(job.id)
        assert await asyncio.to_thread(run.exists)
        await files.delete_model((await tuner.checkpoints(job.id))[0].model_id)
        await files.delete_model(job.fine_tuned_model)

        async def removed() -> bool:
            return not await asyncio.to_thread(run.exists)

        await eventually(removed, "the removal", log=trainer.log)


async def test_old_run_folders_go_and_needed_ones_stay(ships: Yard, trainer: Trainer) -> None:
    await asyncio.to_thread(
        trainer.start, ARGOSY_RELIST_SECONDS="0.2", ARGOSY_RUN_RETENTION_SECONDS="0"
    )
    (trainer.run_root / "ftjob-unknown").mkdir()
    async with Tuner(trainer) as tuner:
        done = await tuner.create(await ships.upload(), parameters={"max_steps": 1})
        await tuner.succeeded(done.id)
        running = await busy(tuner, ships, trainer)

        async def cleaned() -> bool:
            left = {path.name for path in trainer.run_root.iterdir() if path.is_dir()}
            return left == {running}

        await eventually(cleaned, "the cleaning", log=trainer.log)
        (trainer.folder / "go").touch()
        await tuner.succeeded(running)
