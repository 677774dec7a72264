"""FA18 and FA19 with the real training child on a miniature model: deaths of the child and of the
supervisor leave the losses, the data order and the adapter of an uninterrupted run."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from argosy.api.trainer.v1 import trainer_pb2 as pb

from tests.harness.registry_fleet import CATALOG
from tests.harness.trainer_client import Tuner, eventually
from tests.harness.trainer_fleet import Trainer, Yard, yard

ROOT: Final = Path(__file__).resolve().parents[2]
ML_PYTHON: Final = ROOT / ".venv-ml" / "bin" / "python"
STEPS: Final = {
    "max_steps": 24,
    "checkpoint_every_steps": 6,
    "batch_size": 4,
    "learning_rate": 2e-3,
    "lora_rank": 4,
}
# float32 on one machine: the same operations in the same order give the same bits.
TOLERANCE: Final = 1e-6

pytestmark = [pytest.mark.ml, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def ships(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    weights = tmp_path_factory.mktemp("weights") / "tiny"
    command = [str(ML_PYTHON), str(ROOT / "tests" / "fakes" / "tiny_model.py"), str(weights)]
    subprocess.run(command, check=True, timeout=300, capture_output=True)
    with yard(catalog=CATALOG.replace("/weights/base-one", str(weights))) as running:
        yield running


@pytest.fixture
def trainer(ships: Yard) -> Iterator[Trainer]:
    command = [str(ML_PYTHON), "-m", "argosy.trainer.worker"]
    yield ships.trainer(env={"ARGOSY_WORKER_COMMAND": json.dumps(command)})
    ships.close_trainers()


async def upload(ships: Yard) -> str:
    """Records of different lengths, so that the order of data shows in tokens and losses."""
    lines = [
        json.dumps(
            {
                "messages": [
                    {"role": "user", "content": f"What is {n} and {'more ' * (n % 7)}?"},
                    {"role": "assistant", "content": f"It is {n * n}{' indeed' * (n % 5)}."},
                ]
            }
        )
        for n in range(40)
    ]
    async with ships.files() as files:
        return (await files.upload("\n".join(lines).encode())).id


async def table(ships: Yard, tuner: Tuner, job: pb.Job) -> list[dict[str, float]]:
    """Return what each step was told to be, without what depends on the clock."""
    rows = []
    for event in await tuner.events(job.id):
        data = json.loads(event.data_json or "{}")
        if "train_loss" in data:
            rows.append({k: v for k, v in data.items() if k != "tokens_per_second"})
    assert [row["step"] for row in rows] == list(range(1, 25))
    return rows


async def adapter(ships: Yard, job: pb.Job) -> bytes:
    async with ships.files() as files:
        model = await files.model(job.fine_tuned_model)
    folder = Path(model.adapter_path)
    return await asyncio.to_thread((folder / "adapter_model.safetensors").read_bytes)


async def test_l11_l02_a_job_takes_what_its_estimate_said_within_a_tenth(
    ships: Yard, trainer: Trainer
) -> None:
    file = await upload(ships)
    await asyncio.to_thread(trainer.start)
    async with Tuner(trainer) as tuner:
        made = await tuner.create(
            file, seed=5, parameters={**STEPS, "max_steps": 20, "max_seq_length": 128}
        )
        job = await tuner.succeeded(made.id, 300)
    assert job.estimate.HasField("tokens")
    assert abs(job.estimate.tokens - job.trained_tokens) <= 0.1 * job.trained_tokens
    assert job.actual.tokens == job.trained_tokens
    assert job.actual.seconds > 0


async def test_fa18_real_losses_after_deaths_are_those_of_an_uninterrupted_run(
    ships: Yard, trainer: Trainer
) -> None:
    file = await upload(ships)
    await asyncio.to_thread(trainer.start)
    async with Tuner(trainer) as tuner:
        made = await tuner.create(file, seed=5, parameters=STEPS)
        job = await tuner.succeeded(made.id, 300)
        expected = await table(ships, tuner, job)
        expected_adapter = await adapter(ships, job)
    losses = [row["train_loss"] for row in expected]
    # Else the comparison would compare nothing.
    assert losses[-1] < losses[0]
    assert len({row["tokens"] for row in expected}) > 3
    await asyncio.to_thread(trainer.stop)

    # The child dies between the write and the rename of each second checkpoint of its life.
    await asyncio.to_thread(trainer.start, ARGOSY_FAILPOINTS="checkpoint.before_rename=exit@2")
    async with Tuner(trainer) as tuner:
        made = await tuner.create(file, seed=5, parameters=STEPS)

        async def crashed() -> bool:
            return trainer.metric("argosy_trainer_child_crashes_total") >= 1

        await eventually(crashed, "the child's first death", 300, trainer.log)
        await asyncio.to_thread(trainer.kill)
        await asyncio.to_thread(trainer.start)
        await tuner.until(made.id, lambda j: j.completed_steps >= 14, "step 14", 300)
        await asyncio.to_thread(trainer.kill)
        await asyncio.to_thread(trainer.start)
        job = await tuner.succeeded(made.id, 300)
        messages = [event.message for event in await tuner.events(job.id)]
        assert any("Training continues from the checkpoint" in message for message in messages)
        found = await table(ships, tuner, job)
        for row, wanted in zip(found, expected, strict=True):
            assert row == pytest.approx(wanted, rel=TOLERANCE)
        assert [c.step for c in await tuner.checkpoints(job.id)] == [6, 12, 18, 24]
        assert await adapter(ships, job) == expected_adapter
