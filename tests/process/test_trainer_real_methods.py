"""Methods on a real chain with the real training child and a miniature model.

Supervised tuning, then preferences on top of its result with a part of the old data; an early stop;
answers that another model judges, behind a stand-in of the gateway.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.harness.chat_stand_in import ChatStandIn, chat_stand_in
from tests.harness.registry_fleet import CATALOG
from tests.harness.trainer_client import Tuner
from tests.harness.trainer_fleet import Trainer, Yard, yard

ROOT: Final = Path(__file__).resolve().parents[2]
ML_PYTHON: Final = ROOT / ".venv-ml" / "bin" / "python"

pytestmark = [pytest.mark.ml, pytest.mark.timeout(900)]


def judge_says(body: dict[str, Any]) -> str:
    """Give a longer answer more, up to ten."""
    answer = body["messages"][-1]["content"].removeprefix("Judge: ")
    return json.dumps({"result": min(10.0, len(answer) / 4)})


@pytest.fixture(scope="module")
def gateway() -> Iterator[ChatStandIn]:
    with chat_stand_in(judge_says) as running:
        yield running


@pytest.fixture(scope="module")
def ships(tmp_path_factory: pytest.TempPathFactory, gateway: ChatStandIn) -> Iterator[Yard]:
    weights = tmp_path_factory.mktemp("weights") / "tiny"
    command = [str(ML_PYTHON), str(ROOT / "tests" / "fakes" / "tiny_model.py"), str(weights)]
    subprocess.run(command, check=True, timeout=300, capture_output=True)
    catalog = CATALOG.replace("/weights/base-one", str(weights))
    with yard(catalog=catalog, registry_env={"ARGOSY_GATEWAY_URL": gateway.url}) as running:
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


async def test_a_score_model_judges_every_answer_through_the_gateway(
    ships: Yard, trainer: Trainer, gateway: ChatStandIn
) -> None:
    grader = {
        "type": "score_model",
        "name": "judge",
        "model": "base-one",
        "input": [{"role": "user", "content": "Judge: {{ sample.output_text }}"}],
        "range": [0, 10],
    }
    asked = [
        {"messages": [{"role": "user", "content": f"Where does ship {n} go?"}]} for n in range(12)
    ]
    gateway.requests.clear()
    gateway.keys.clear()
    async with Tuner(trainer) as tuner:
        made = await tuner.create(
            await upload(ships, asked),
            parameters={
                "max_steps": 2,
                "batch_size": 4,
                "generations": 2,
                "max_completion_tokens": 8,
            },
            tuning={"method": "rlhf", "grader_json": json.dumps(grader)},
        )
        await tuner.succeeded(made.id, 300)
        series = await tuner.series(made.id)
    # Each sampled answer is put to the judge, by a key that the registry made for this run.
    assert len(gateway.requests) >= 2 * 2
    assert {body["model"] for body in gateway.requests} == {"base-one"}
    assert gateway.requests[0]["response_format"]["type"] == "json_schema"
    (key,) = gateway.keys
    assert key.startswith("Bearer sk-argosy-")
    judged = {json.loads(judge_says(body))["result"] for body in gateway.requests}
    rewards = [sample.reward for sample in series.samples]
    assert rewards
    assert set(rewards) <= judged
    assert all("reward" in step.values for step in series.steps)
