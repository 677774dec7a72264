"""Ten architectures, two layers each: which train at which scale, and what says why it cannot."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.unit.worker.conftest import (
    DEADLINE_SECONDS,
    ROOT,
    Planned,
    Run,
    run_in_process,
    write_chats,
)

pytestmark = [pytest.mark.ml, pytest.mark.timeout(1200)]

ARCHITECTURES = (
    "llama", "qwen3", "gemma3", "glm4", "ernie4_5", "bloom", "falcon", "mpt", "rwkv", "llava",
)  # fmt: skip
# The training library has no score head for these.
NO_REWARD_MODEL = ("ernie4_5", "rwkv", "llava")
STEPS = 3


@pytest.fixture(scope="module")
def runs(ml_python: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("architectures")
    subprocess.run(
        [ml_python, str(ROOT / "tests/fakes/tiny_architectures.py"), str(folder / "models"),
         *ARCHITECTURES],
        check=True, capture_output=True, timeout=5 * DEADLINE_SECONDS,
    )  # fmt: skip
    file = str(write_chats(folder / "chats.jsonl", 8))
    pair = {
        "input": {"messages": [{"role": "user", "content": "q"}]},
        "preferred_output": [{"role": "assistant", "content": "good"}],
        "non_preferred_output": [{"role": "assistant", "content": "bad"}],
    }
    (folder / "pairs.jsonl").write_text(json.dumps(pair) * 1 + "\n", "utf-8")
    planned = []
    for name in ARCHITECTURES:
        common = {
            "weights_path": str(folder / "models" / name),
            "training_file": file,
            "max_steps": STEPS,
            "checkpoint_every_steps": STEPS,
        }
        planned.append(Planned(f"{name}-lora", common))
        # Most are as the others: the odd ones call their sizes by other names.
        if name in ("llama", "bloom", "mpt", "rwkv", "llava"):
            virtual = common | {"scale": "prompt_tuning", "learning_rate": 0.1, "virtual_tokens": 4}
            planned.append(Planned(f"{name}-prompt_tuning", virtual))
        reward = {"method": "reward", "training_file": str(folder / "pairs.jsonl"), "max_steps": 1}
        planned.append(Planned(f"{name}-reward", common | reward))
    return run_in_process(ml_python, folder, folder / "models" / "llama", planned)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_trains_by_lora(runs: dict[str, Run], name: str) -> None:
    run = runs[f"{name}-lora"]
    assert run.events[-1]["event"] == "finished", run.events[-1]
    assert run.losses()[STEPS] < run.losses()[1]


def test_of_a_model_that_sees_only_the_language_part_is_adapted(runs: dict[str, Run]) -> None:
    config = Path(runs["llava-lora"].events[-1]["path"]) / "adapter_config.json"
    targets = json.loads(config.read_text("utf-8"))["target_modules"]
    assert targets
    assert not any("vision" in target or "projector" in target for target in targets)


@pytest.mark.parametrize("name", ["llama", "bloom", "mpt", "rwkv", "llava"])
def test_prompt_tuning_trains(runs: dict[str, Run], name: str) -> None:
    run = runs[f"{name}-prompt_tuning"]
    assert run.events[-1]["event"] == "finished", run.events[-1]
    assert run.losses()[STEPS] < run.losses()[1]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_reward_model_trains_or_says_why_not(runs: dict[str, Run], name: str) -> None:
    end = runs[f"{name}-reward"].events[-1]
    if name in NO_REWARD_MODEL:
        assert end["reason"] == "unsupported"
        assert f"architecture {name} cannot be a reward model" in end["message"]
    else:
        assert end["event"] == "finished", end
