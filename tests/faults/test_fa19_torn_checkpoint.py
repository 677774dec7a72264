"""FA19: death between a checkpoint's write and its rename, and a torn file after it. What is
partial is ignored and removed, the checkpoint before is used, hashes decide."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.trainer_client import Tuner
from tests.harness.trainer_fleet import Trainer, Yard, yard

STEPS = {"max_steps": 12, "checkpoint_every_steps": 3}


@pytest.fixture(scope="module")
def ships() -> Iterator[Yard]:
    with yard() as running:
        yield running


@pytest.fixture(scope="module")
def trainer(ships: Yard) -> Trainer:
    return ships.trainer().start()


async def run(ships: Yard, trainer: Trainer, lives: list[dict[str, Any]]) -> tuple[list[str], Any]:
    """Run a job through `lives`; return its messages and what must not depend on them."""
    trainer.control(lives=lives)
    async with Tuner(trainer) as tuner, ships.files() as files:
        made = await tuner.create(await ships.upload(), seed=4, parameters=STEPS)
        job = await tuner.succeeded(made.id)
        steps = [checkpoint.step for checkpoint in await tuner.checkpoints(job.id)]
        assert (await files.model(job.fine_tuned_model)).step == 12
        result = (await tuner.losses(job.id), steps, job.trained_tokens)
        return [event.message for event in await tuner.events(job.id)], result


@pytest.mark.parametrize(
    ("life", "resumed"),
    [
        ({"die_before_rename_at": 3}, "Training starts again from the first step"),
        ({"die_before_rename_at": 6}, "Training continues from the checkpoint at step 3"),
        ({"die_before_rename_at": 12}, "Training continues from the checkpoint at step 9"),
        ({"tear_at_step": 3}, "Training starts again from the first step"),
        ({"tear_at_step": 9}, "Training continues from the checkpoint at step 6"),
        ({"tear_at_step": 12}, "Training continues from the checkpoint at step 9"),
    ],
)
async def test_fa19_the_checkpoint_before_is_used(
    ships: Yard, trainer: Trainer, life: dict[str, int], resumed: str
) -> None:
    _, expected = await run(ships, trainer, [])
    messages, result = await run(ships, trainer, [life])
    assert messages.count(resumed) == 1
    assert result == expected


async def test_fa19_a_checkpoint_torn_while_the_job_was_paused(
    ships: Yard, trainer: Trainer
) -> None:
    """A bad disk: the newest is torn after it was published, the one before is whole."""
    trainer.control(hold_at_step=8, hold_file=str(trainer.folder / "go"))
    async with Tuner(trainer) as tuner:
        made = await tuner.create(await ships.upload(), seed=4, parameters=STEPS)
        await tuner.step(made.id, 7)
        await tuner.until(made.id, lambda _: _published(trainer, made.id), "two checkpoints")
        await tuner.pause(made.id)
        torn = trainer.run_dir(made.id) / "checkpoints" / "step-6" / "adapter_model.safetensors"
        raw = bytearray(torn.read_bytes())
        raw[-1] ^= 1
        torn.write_bytes(raw)
        (trainer.folder / "go").touch()
        await tuner.resume(made.id)
        await tuner.succeeded(made.id)
        messages = [event.message for event in await tuner.events(made.id)]
        told = [message for message in messages if not message.startswith("Step")][-14:]
        assert "Training continues from the checkpoint at step 3" in messages, str(told)
        assert [c.step for c in await tuner.checkpoints(made.id)] == [3, 6, 9, 12]
        assert len(await tuner.losses(made.id)) == 12


def _published(trainer: Trainer, job_id: str) -> bool:
    return os.path.exists(trainer.run_dir(job_id) / "checkpoints" / "step-6")  # noqa: PTH110
