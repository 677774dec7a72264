"""Methods on a real chain with the real training child and a miniature model.

Supervised tuning, then preferences on top of its result with a part of the old data; an early stop.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.harness.registry_fleet import CATALOG
from tests.harness.trainer_client import Tuner
from tests.harness.trainer_fleet import Trainer, Yard, yard

ROOT: Final = Path(__file__).resolve().parents[2]
ML_PYTHON: Final = ROOT / ".venv-ml" / "bin" / "python"

pytestmark = [pytest.mark.ml, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def ships(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    weights = tmp_path_factory.mktemp("weights") / "tiny"
    command = [str(ML_PYTHON), str(ROOT / "tests" / "fakes" / "tiny_model.py"), str(weights)]
    subprocess.run(command, check=True, timeout=300, capture_output=True)
    with yard(catalog=CATALOG.replace("/weights/base-one", str(weights))) as running:
        yield running


@pytest.fixture(scope="module")
def trainer(ships: Yard) -> Trainer:
    command = [str(ML_PYTHON), "-m", "argosy.trainer.worker"]
    return ships.trainer(env={"ARGOSY_WORKER_COMMAND": json.dumps(command)}).start()


async def upload(ships: Yard, records: list[dict[str, object]]) -> str:
    async with ships.files() as files:
        return (await files.upload("\n".join(map(json.dumps, records)).encode())).id


def dialogues(count: int, answer: str = "To Lisbon.") -> list[dict[str, object]]:
    return [
        {
            "messages": [
                {"role": "user", "content": f"Where does ship {n} go?"},
                {"role": "assistant", "content": answer},
            ]
        }
        for n in range(count)
    ]


def pairs(count: int) -> list[dict[str, object]]:
    return [
        {
            "input": {"messages": [{"role": "user", "content": f"Where does ship {n} go?"}]},
            "preferred_output": [{"role": "assistant", "content": "To Porto."}],
            "non_preferred_output": [{"role": "assistant", "content": "No idea."}],
        }
        for n in range(count)
    ]


async def test_d28_d04_preferences_are_learnt_on_top_of_a_tuned_model(
    ships: Yard, trainer: Trainer
) -> None:
    short = {"max_steps": 6, "batch_size": 4, "lora_rank": 4}
    async with Tuner(trainer) as tuner, ships.files() as files:
        first = await tuner.create(await upload(ships, dialogues(20)), parameters=short)
        tuned = await tuner.succeeded(first.id, 300)
        # More of the same: half of the old records are mixed in by default's tenth.
        more = await tuner.create(
            await upload(ships, dialogues(20, "To Cadiz.")),
            model=tuned.fine_tuned_model,
            parameters={"max_steps": 4, "batch_size": 4},
        )
        second = await tuner.succeeded(more.id, 300)
        assert [(s.source, s.rate, s.why) for s in second.planned.data] == [
            (tuned.training_file, 0.1, "old_data")
        ]
        spec = json.loads((trainer.run_dir(second.id) / "spec.json").read_text())
        assert [source["rate"] for source in spec["sources"]] == [1.0, 0.1]
        assert spec["lora_rank"] == 4
        preferred = await tuner.create(
            await upload(ships, pairs(16)),
            model=second.fine_tuned_model,
            parameters={"max_steps": 4, "batch_size": 4},
            tuning={"method": "dpo"},
        )
        third = await tuner.succeeded(preferred.id, 300)
        model = await files.model(third.fine_tuned_model)
        assert (model.parent, model.base) == (second.fine_tuned_model, tuned.base)
        folder = Path(model.adapter_path)
        config = json.loads(await asyncio.to_thread((folder / "adapter_config.json").read_text))
        assert config["r"] == 4
        series = await tuner.series(third.id)
        assert len(series.steps) == 4
        assert "margin" in series.steps[0].values


async def test_d25_a_run_that_gets_no_better_ends_early(ships: Yard, trainer: Trainer) -> None:
    async with Tuner(trainer) as tuner, ships.files() as files:
        made = await tuner.create(
            await upload(ships, dialogues(20)),
            # What is validated is never learnt, so learning makes it worse.
            validation_file=await upload(ships, dialogues(5, "zzz qqq xxx vvv")),
            parameters={
                "max_steps": 60,
                "batch_size": 4,
                "learning_rate": 0.02,
                "validate_every_steps": 2,
                "checkpoint_every_steps": 60,
                "early_stop_patience": 2,
            },
        )
        job = await tuner.succeeded(made.id, 300)
        assert job.HasField("early_stop")
        assert job.early_stop.best_step < job.early_stop.step < 60
        assert job.published_step == job.early_stop.best_step
        assert (await files.model(job.fine_tuned_model)).step == job.early_stop.best_step
