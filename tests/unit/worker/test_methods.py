"""Every method at every scale on a tiny model: what it reports, writes, and resumes to.

All runs are made once, in one process; each is held against what its method promises.
"""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.unit.worker.conftest import Planned, Run, run_in_process, write_records

pytestmark = [pytest.mark.ml, pytest.mark.timeout(1200)]

# Losses of a resumed run against the uninterrupted one's. The same kernels in the same order differ
# in a float's last bits. Where a loss is a difference of two log-probabilities, whose batches after
# a resumption may be padded differently, those bits weigh more.
TOLERANCE = 1e-6
DIFFERENCE_TOLERANCE = 1e-4

GRADER = {
    "type": "python",
    "source": (
        "def grade(sample, item):\n"
        "    return sum(c < 'a' for c in sample['output_text']) + item['bonus']\n"
    ),
}


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def pair(n: int) -> dict[str, Any]:
    return {
        "input": {"messages": [user(f"what is {n}?")]},
        "preferred_output": [assistant(f"it is {n + n}")],
        "non_preferred_output": [assistant("no" + "x" * (n % 3))],
    }


def files(folder: Path) -> dict[str, str]:
    """A training file of each kind of record."""
    asked = [[user(f"what is {n}?")] for n in range(12)]
    return {
        kind: write_records(folder / f"{kind}.jsonl", records)
        for kind, records in {
            "dialogue": [
                {"messages": [*messages, assistant(f"it is {n + n}")]}
                for n, messages in enumerate(asked)
            ],
            "preference": [pair(n) for n in range(12)],
            "held_out": [pair(n) for n in range(50, 56)],
            "ranked": [
                {"messages": messages, "responses": [f"it is {n}", "hm", "no"]}
                for n, messages in enumerate(asked[:4])
            ],
            "unpaired": [
                {"messages": messages, "completion": f"it is {n}", "label": n % 3 == 0}
                for n, messages in enumerate(asked)
            ],
            "prompts": [{"messages": messages, "bonus": 1} for messages in asked],
            "text": [{"text": f"the number {n} " * (n + 2)} for n in range(12)],
        }.items()
    }


def methods(file: dict[str, str], model: Path) -> dict[str, dict[str, Any]]:
    dpo = {"method": "dpo", "training_file": file["preference"]}
    reward = {"method": "reward", "training_file": file["preference"]}
    rlhf = {"method": "rlhf", "grader": GRADER, "generations": 2, "max_completion_tokens": 8}
    return {
        "sft-lora": {"training_file": file["dialogue"], "lora_dropout": 0.1},
        "sft-full": {"training_file": file["dialogue"], "scale": "full", "learning_rate": 1e-3},
        "sft-prompt_tuning": {
            "training_file": file["dialogue"], "scale": "prompt_tuning", "virtual_tokens": 5,
        },
        "post_pretrain": {
            "method": "post_pretrain", "training_file": file["text"], "max_seq_length": 64,
        },
        "dpo": dpo,
        "dpo-full": dpo | {"scale": "full", "learning_rate": 1e-3},
        "dpo-ranked": dpo | {"training_file": file["ranked"], "data_kind": "ranked"},
        "kto": {"method": "kto", "training_file": file["unpaired"]},
        "kto-preference": {
            "method": "kto", "training_file": file["preference"], "data_kind": "preference",
        },
        "orpo": {"method": "orpo", "training_file": file["preference"]},
        "reward": reward | {"validation_file": file["held_out"]},
        "reward-full": reward | {"scale": "full", "learning_rate": 1e-3},
        "rlhf": rlhf | {"training_file": file["prompts"]},
        "rlhf-full": rlhf | {
            "training_file": file["prompts"], "scale": "full", "learning_rate": 1e-3,
        },
        "distillation": {
            "method": "distillation", "training_file": file["dialogue"],
            "teacher": {"weights_path": str(model)},
        },
    }  # fmt: skip


# What differs from the loss of an uninterrupted run at most, by method.
METHODS = {
    "sft-lora": TOLERANCE,
    "sft-full": TOLERANCE,
    "sft-prompt_tuning": TOLERANCE,
    "post_pretrain": TOLERANCE,
    "dpo": DIFFERENCE_TOLERANCE,
    "dpo-full": DIFFERENCE_TOLERANCE,
    "dpo-ranked": DIFFERENCE_TOLERANCE,
    "kto": DIFFERENCE_TOLERANCE,
    "kto-preference": DIFFERENCE_TOLERANCE,
    "orpo": TOLERANCE,
    "reward": TOLERANCE,
    "reward-full": TOLERANCE,
    "rlhf": DIFFERENCE_TOLERANCE,
    "rlhf-full": DIFFERENCE_TOLERANCE,
    "distillation": TOLERANCE,
}
STEPS = 4
# Those whose state is more than weights: dropout, references, verdicts, samples.
KILLED_OFTEN = ("sft-lora", "dpo", "kto", "rlhf")
TENTHS = 10


def lives(folder: Path, name: str, changes: dict[str, Any]) -> list[Planned]:
    """An uninterrupted run, and one that dies at each of its ten steps, once the step was told and
    before its checkpoint; the eleventh life ends it."""
    common = changes | {"max_steps": TENTHS, "checkpoint_every_steps": 1}
    planned = [Planned(f"{name}-long", common)]
    for life in range(1, TENTHS + 2):
        last = folder / f"{name}-life-{life - 1}" / "checkpoints" / f"step-{life - 2}"
        resumed = common | {"resume_from": str(last)} if life > 2 else common
        planned.append(Planned(f"{name}-life-{life}", resumed, die_at_step=life))
    return planned


@pytest.fixture(scope="module")
def runs(
    ml_python: str, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Run]:
    """Of each method `NAME`, uninterrupted, and `NAME-resumed`, which died and went on."""
    folder = tmp_path_factory.mktemp("methods")
    planned = []
    for number, (name, changes) in enumerate(methods(files(folder), tiny_model).items()):
        common = changes | {"max_steps": STEPS, "checkpoint_every_steps": 2}
        resumed = common | {"resume_from": str(folder / f"{name}-died" / "checkpoints" / "step-2")}
        planned += [
            Planned(name, common),
            # After the checkpoint of step 2, now at step 3, now before the checkpoint of step 4.
            Planned(f"{name}-died", common, die_at_step=3 + number % 2),
            Planned(f"{name}-resumed", resumed),
        ]
        if name in KILLED_OFTEN:
            planned += lives(folder, name, changes)
    return run_in_process(ml_python, folder, tiny_model, planned)


@pytest.fixture(scope="module")
def base_hash(tiny_model: Path) -> str:
    """Before any run."""
    return hashlib.sha256((tiny_model / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize("name", METHODS)
def test_d01_d02_d03_every_method_trains_to_its_last_checkpoint(
    runs: dict[str, Run], name: str
) -> None:
    run = runs[name]
    assert run.events[-1]["event"] == "finished", run.events[-1]
    assert list(run.losses()) == [1, 2, 3, 4]
    assert run.checkpoints() == ["step-2", "step-4"]
    assert all(step["grad_norm"] >= 0 and step["records"] for step in run.named("step"))


@pytest.mark.parametrize(("name", "tolerance"), METHODS.items())
def test_fa18_a_run_that_died_goes_on_to_the_same_losses(
    runs: dict[str, Run], name: str, tolerance: float
) -> None:
    died, resumed = runs[f"{name}-died"], runs[f"{name}-resumed"]
    assert died.checkpoints()[0] == "step-2"
    assert died.named("finished") == []
    assert resumed.events[0]["resumed_from"] == 2
    expected = {step: loss for step, loss in runs[name].losses().items() if step > 2}
    assert resumed.losses() == pytest.approx(expected, rel=tolerance, abs=tolerance)
    assert [step["records"] for step in resumed.named("step")] == [
        step["records"] for step in runs[name].named("step")[2:]
    ]


@pytest.mark.parametrize("name", KILLED_OFTEN)
def test_fa18_killed_at_every_tenth_a_run_learns_what_it_would_have(
    runs: dict[str, Run], name: str
) -> None:
    whole = runs[f"{name}-long"].losses()
    for life in range(1, TENTHS + 2):
        run = runs[f"{name}-life-{life}"]
        told = range(max(life - 1, 1), min(life, TENTHS) + 1)
        expected = {step: whole[step] for step in told}
        assert run.losses() == pytest.approx(expected, rel=METHODS[name], abs=METHODS[name]), life
    assert run.events[-1]["event"] == "finished"


def tensors(file: Path) -> dict[str, Any]:
    """Names and places of a safetensors file's tensors, without torch."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        return {k: v for k, v in json.loads(stream.read(length)).items() if k != "__metadata__"}


def last_checkpoint(run: Run) -> Path:
    return Path(run.events[-1]["path"])


def test_d48_a_full_update_is_a_whole_model_that_differs_from_the_base(
    runs: dict[str, Run], tiny_model: Path
) -> None:
    folder = last_checkpoint(runs["sft-full"])
    assert {"config.json", "generation_config.json", "tokenizer.json"} <= {
        file.name for file in folder.iterdir()
    }
    assert not (folder / "adapter_config.json").exists()
    mine, base = folder / "model.safetensors", tiny_model / "model.safetensors"
    described = tensors(mine)
    assert described.keys() == tensors(base).keys()
    starts = [8 + int.from_bytes(file.read_bytes()[:8], "little") for file in (mine, base)]
    for name, place in described.items():
        ours, theirs = (
            file.read_bytes()[start + place["data_offsets"][0] : start + place["data_offsets"][1]]
            for file, start in zip((mine, base), starts, strict=True)
        )
        assert ours != theirs, name


def test_d49_lora_leaves_the_base_and_is_adapter_files_of_its_rank(
    runs: dict[str, Run], tiny_model: Path, base_hash: str
) -> None:
    folder = last_checkpoint(runs["sft-lora"])
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    assert (config["peft_type"], config["r"], config["task_type"]) == ("LORA", 4, "CAUSAL_LM")
    shapes = [tensor["shape"] for tensor in tensors(folder / "adapter_model.safetensors").values()]
    assert shapes
    assert all(4 in shape for shape in shapes)
    now = hashlib.sha256((tiny_model / "model.safetensors").read_bytes()).hexdigest()
    assert now == base_hash


def test_d50_prompt_tuning_is_embeddings_of_virtual_tokens(runs: dict[str, Run]) -> None:
    folder = last_checkpoint(runs["sft-prompt_tuning"])
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    assert (config["peft_type"], config["num_virtual_tokens"]) == ("PROMPT_TUNING", 5)
    [embeddings] = tensors(folder / "adapter_model.safetensors").values()
    assert embeddings["shape"] == [5, 64]


def test_l15_what_is_stored_and_moved_shrinks_from_full_to_lora_to_prompt_tuning(
    runs: dict[str, Run],
) -> None:
    """What time and quality they cost, `python -m benchmarks.training.scales` measures."""
    scales = [runs[f"sft-{scale}"] for scale in ("full", "lora", "prompt_tuning")]
    trained = [run.events[0]["trained_parameters"] for run in scales]
    folders = [last_checkpoint(run) for run in scales]
    stored = [sum(f.stat().st_size for f in folder.glob("*.safetensors")) for folder in folders]
    # Memory beside the weights: two moments of each trained parameter.
    moments = [(folder / "optimizer.pt").stat().st_size for folder in folders]
    for sizes in (trained, stored, moments):
        assert sizes[0] > 5 * sizes[1] > 25 * sizes[2], (trained, stored, moments)


def test_a_reward_model_is_lora_with_its_score_head(runs: dict[str, Run]) -> None:
    folder = last_checkpoint(runs["reward"])
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    assert config["task_type"] == "SEQ_CLS"
    assert "score" in config["modules_to_save"]
    assert any("score" in name for name in tensors(folder / "adapter_model.safetensors"))


def test_d42_a_reward_model_ranks_held_out_pairs(runs: dict[str, Run]) -> None:
    assert runs["reward"].named("validation")[-1]["values"]["accuracy"] == 1.0


def test_d44_reward_kl_and_their_sum_are_series_of_their_own(runs: dict[str, Run]) -> None:
    for step in runs["rlhf"].named("step"):
        values = step["values"]
        assert values["objective"] == pytest.approx(values["reward"] - 0.05 * values["kl"])
        assert values["reward"] == pytest.approx(values["grader"])
        assert values["grader_errors"] == 0
    first, *later = (step["values"]["kl"] for step in runs["rlhf"].named("step"))
    assert first == pytest.approx(0.0, abs=1e-4)
    assert all(abs(kl) > 1e-4 for kl in later)


def test_d55_samples_are_told_with_probability_and_reward(runs: dict[str, Run]) -> None:
    samples = runs["rlhf"].named("sample")
    assert {sample["step"] for sample in samples} == {1, 2, 3, 4}
    for sample in samples:
        assert sample["prompt"].endswith("<|im_start|>assistant\n")
        assert sample["logprob"] < 0
        assert sample["reward"] == sum(c < "a" for c in sample["text"]) + 1


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("sft-lora", {"perplexity"}),
        ("post_pretrain", {"perplexity"}),
        ("dpo", {"margin", "accuracy", "reward_chosen", "reward_rejected", "cross_entropy"}),
        # Every step learns from verdicts of both kinds, or one of the rewards would be missing.
        ("kto", {"kl", "reward_chosen", "reward_rejected"}),
        ("kto-preference", {"kl", "reward_chosen", "reward_rejected"}),
        ("orpo", {"margin", "accuracy", "cross_entropy", "perplexity"}),
        ("reward", {"margin", "accuracy", "reward_chosen", "reward_rejected"}),
        ("rlhf", {"reward", "reward_std", "kl", "objective", "completion_tokens"}),
        ("distillation", {"teacher_kl", "cross_entropy", "perplexity"}),
    ],
)
def test_each_method_tells_its_series(runs: dict[str, Run], name: str, series: set[str]) -> None:
    for step in runs[name].named("step"):
        assert series <= step["values"].keys()
    if name == "sft-lora":
        step = runs[name].named("step")[0]
        assert step["values"]["perplexity"] == pytest.approx(math.exp(step["train_loss"]))


def test_dpo_begins_at_the_reference(runs: dict[str, Run]) -> None:
    assert runs["dpo"].losses()[1] == pytest.approx(math.log(2), rel=1e-5)
    assert runs["dpo"].losses()[4] < runs["dpo"].losses()[1]
