"""What a run does beside its steps, on a tiny model: validation and early stop, sources and dropped
records, adapters to start from, reward models as rewards, and bad ends. One process for all."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from argosy.trainer.worker.checkpoints import verify

from tests.unit.worker.conftest import Planned, Run, run_in_process, write_records

pytestmark = [pytest.mark.ml, pytest.mark.timeout(1200)]

LENGTH_REWARD = {
    "type": "python",
    "source": "def grade(sample, item):\n    return sum(c < 'a' for c in sample['output_text'])",
}


def chat(n: int, answer: str = "") -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": f"what is {n}?"},
            {"role": "assistant", "content": answer or f"it is {n + n}"},
        ]
    }


def pair(n: int) -> dict[str, Any]:
    return {
        "input": {"messages": chat(n)["messages"][:1]},
        "preferred_output": [{"role": "assistant", "content": f"it is {n + n}"}],
        "non_preferred_output": [{"role": "assistant", "content": "no"}],
    }


@pytest.fixture(scope="module")
def runs(
    ml_python: str, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("scenarios")

    def file(name: str, records: list[dict[str, Any]]) -> str:
        return write_records(folder / f"{name}.jsonl", records)

    def result(run: str, step: int) -> str:
        return str(folder / run / "checkpoints" / f"step-{step}")

    chats = file("chats", [chat(n) for n in range(12)])
    valid = file("valid", [chat(n) for n in range(50, 54)])
    pairs = file("pairs", [pair(n) for n in range(12)])
    prompts = file("prompts", [{"messages": chat(n)["messages"][:1]} for n in range(8)])
    mixed = file("mixed", [chat(n, "x" * 300 if n in (2, 5) else "") for n in range(12)])
    sft = {"training_file": chats, "validation_file": valid, "max_steps": 6}
    still = sft | {"learning_rate": 1e-12, "early_stop_patience": 2, "validate_every_steps": 1}
    dpo = {"method": "dpo", "training_file": pairs, "max_steps": 2, "checkpoint_every_steps": 2}
    adapter = {"base_adapter_path": result("sft", 6)}
    rlhf = {
        "method": "rlhf", "training_file": prompts, "max_steps": 2, "generations": 2,
        "max_completion_tokens": 8, "reward_model_path": result("reward", 4),
    }  # fmt: skip
    held_out = {
        "pairs": file("held-pairs", [pair(n) for n in range(50, 54)]),
        "prompts": file(
            "held-prompts", [{"messages": chat(n)["messages"][:1]} for n in range(50, 54)]
        ),
    }
    long = {"max_steps": 24, "validate_every_steps": 24, "checkpoint_every_steps": 24}
    compared = long | {"training_file": pairs, "validation_file": held_out["pairs"]}
    planned = [
        Planned("learnt-sft", sft | long),
        Planned("learnt-dpo", compared | {"method": "dpo", "nll_coefficient": 1.0}),
        Planned("learnt-kto", compared | {"method": "kto", "data_kind": "preference"}),
        Planned("learnt-rlhf", long | {
            "method": "rlhf", "training_file": prompts, "validation_file": held_out["prompts"],
            "generations": 8, "max_completion_tokens": 8, "grader": LENGTH_REWARD,
            # By an adapter so small a model cannot come to prefer a class of tokens.
            "scale": "full",
        }),
        Planned("sft", sft | {"validate_every_steps": 2, "checkpoint_every_steps": 2}),
        Planned("unvalidated", sft | {"validate_every_steps": 0, "max_steps": 4}),
        Planned("early", still),
        Planned("early-died", still | {"checkpoint_every_steps": 2}, die_at_step=3),
        Planned("early-resumed", still | {"resume_from": result("early-died", 2),
                                          "checkpoint_every_steps": 2}),
        Planned("dropped", {"training_file": mixed, "validation_file": mixed}),
        Planned("sources", {"sources": [{"path": chats}, {"path": mixed, "rate": 0.25}]}),
        Planned("incremental", sft | adapter | {"max_steps": 1}),
        Planned("incremental-full", sft | adapter | {"max_steps": 1, "scale": "full"}),
        Planned("other-scale", sft | adapter | {"scale": "prompt_tuning"}),
        Planned("dpo-on-sft", dpo | adapter),
        Planned("reward", {"method": "reward", "training_file": pairs, "max_steps": 4}),
        Planned("rlhf-model", rlhf | adapter),
        Planned("rlhf-both", rlhf | {"grader": LENGTH_REWARD, "validation_file": prompts}),
        Planned("bad-grader", {"method": "rlhf", "training_file": prompts, "generations": 2,
                               "max_completion_tokens": 4,
                               "grader": {"type": "python", "source": "def grade(s, i): 1 / 0"}}),
        Planned("diverged", sft | {"learning_rate": 1e30, "checkpoint_every_steps": 1,
                                   "validate_every_steps": 0}),
        Planned("diverged-unseen", sft | {"learning_rate": 1e30, "checkpoint_every_steps": 1}),
        Planned("full-disk", sft | {"checkpoint_every_steps": 2},
                failpoints="checkpoint.before_rename=enospc@2"),
        Planned("after-full-disk", sft | {"resume_from": result("full-disk", 2)}),
        Planned("thrifty", sft | {"gradient_checkpointing": True, "max_steps": 2}),
        Planned("unknown-teacher", sft | {"method": "distillation",
                                          "teacher": {"weights_path": str(folder / "no")}}),
    ]  # fmt: skip
    return run_in_process(ml_python, folder, tiny_model, planned)


def test_what_is_learnt_shows_on_requests_that_were_held_out(runs: dict[str, Run]) -> None:
    """With the packaged model `python -m benchmarks.training.behaviour` shows it in its answers."""
    last = {
        method: runs[f"learnt-{method}"].named("validation")[-1]
        for method in ("sft", "dpo", "kto", "rlhf")
    }
    assert last["sft"]["valid_loss"] < 0.9 * runs["learnt-sft"].losses()[1]
    # Before the first step both margins are 0: the model is its own reference.
    assert last["dpo"]["values"]["margin"] > 0.1
    assert last["dpo"]["values"]["accuracy"] == 1.0
    # At its reference the comparison is worth log 2; the better answers are learnt beside it.
    first = runs["learnt-dpo"].named("step")[0]
    learnt = math.log(2) + first["values"]["cross_entropy"]
    assert first["train_loss"] == pytest.approx(learnt, rel=1e-5)
    verdicts = last["kto"]["values"]
    assert verdicts["reward_chosen"] > 0 > verdicts["reward_rejected"]
    before = runs["learnt-rlhf"].named("step")[0]["values"]["reward"]
    assert last["rlhf"]["values"]["reward"] > 1.5 * before


def test_d24_validation_comes_every_so_many_steps_and_0_turns_it_off(runs: dict[str, Run]) -> None:
    assert [event["step"] for event in runs["sft"].named("validation")] == [2, 4, 6]
    for event in runs["sft"].named("validation"):
        assert event["values"]["perplexity"] == pytest.approx(math.exp(event["valid_loss"]))
    assert runs["unvalidated"].named("validation") == []


def test_d25_early_stop_ends_the_run_with_its_best_checkpoint(runs: dict[str, Run]) -> None:
    run = runs["early"]
    [stopped] = run.named("early_stopped")
    assert stopped == {"event": "early_stopped", "step": 3, "best_step": 1}
    assert list(run.losses()) == [1, 2, 3]
    assert run.events[-1]["step"] == 1
    assert verify(Path(run.events[-1]["path"])) == 1


def test_d25_a_resumed_run_counts_its_patience_on(runs: dict[str, Run]) -> None:
    run = runs["early-resumed"]
    assert list(run.losses()) == [3]
    assert run.named("early_stopped")[0]["best_step"] == 1


def test_c32_records_that_are_too_long_are_dropped_and_named(runs: dict[str, Run]) -> None:
    told = {
        "event": "dropped", "count": 2, "records": 12, "lines": [3, 6],
        "reason": "longer than 256 tokens",
    }  # fmt: skip
    assert runs["dropped"].named("dropped") == [
        told | {"of": "training"}, told | {"of": "validation"},
    ]  # fmt: skip
    learnt = {line for step in runs["dropped"].named("step") for line in step["records"]}
    assert learnt == set(range(1, 13)) - {3, 6}


def test_d26_the_start_tells_what_was_drawn_from_each_source(runs: dict[str, Run]) -> None:
    assert runs["sources"].events[0]["sources"] == [
        {"first_line": 1, "records": 12, "sampled": 12},
        {"first_line": 13, "records": 12, "sampled": 3},
    ]
    learnt = {line for step in runs["sources"].named("step") for line in step["records"]}
    assert set(range(1, 13)) < learnt


def test_an_incremental_run_goes_on_from_the_adapter(runs: dict[str, Run]) -> None:
    from_scratch = runs["sft"].losses()[1]
    for name in ("incremental", "incremental-full"):
        assert runs[name].losses()[1] < from_scratch - 0.1
    config = Path(runs["incremental"].events[-1]["path"]) / "adapter_config.json"
    assert json.loads(config.read_text("utf-8"))["base_model_name_or_path"] == "tiny"
    whole = Path(runs["incremental-full"].events[-1]["path"])
    assert (whole / "model.safetensors").exists()


def test_an_adapter_of_another_scale_is_refused_with_the_way_out(runs: dict[str, Run]) -> None:
    end = runs["other-scale"].events[-1]
    assert end["reason"] == "unsupported"
    assert "scale must be lora or full, not prompt_tuning" in end["message"]


def test_d04_dpo_on_an_sft_adapter_holds_to_that_adapter(runs: dict[str, Run]) -> None:
    """At the first step policy and reference are the same adapter; so its loss is log 2."""
    assert runs["dpo-on-sft"].losses()[1] == pytest.approx(math.log(2), rel=1e-5)
    assert runs["dpo-on-sft"].losses()[2] < math.log(2)


def test_d41_d42_a_reward_model_rewards_answers_of_a_supervised_baseline(
    runs: dict[str, Run],
) -> None:
    for step in runs["rlhf-model"].named("step"):
        assert step["values"]["reward"] == pytest.approx(step["values"]["reward_model"])
    rewards = [sample["reward"] for sample in runs["rlhf-model"].named("sample")]
    assert len(set(rewards)) > 1


def test_a_reward_model_and_a_grader_add_up(runs: dict[str, Run]) -> None:
    for event in runs["rlhf-both"].named("step") + runs["rlhf-both"].named("validation"):
        values = event["values"]
        assert values["reward"] == pytest.approx(values["reward_model"] + values["grader"])
    assert [event["valid_loss"] for event in runs["rlhf-both"].named("validation")] == [None]
    assert {sample["step"] for sample in runs["rlhf-both"].named("sample")} == {1, 2}


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("diverged", "diverged", "at step 2 the loss was no number any more"),
        ("diverged-unseen", "diverged", "at step 1 the loss was no number any more"),
        ("full-disk", "disk_full", "argosy.checkpoint_every_steps"),
        ("bad-grader", "grader_failed", "ZeroDivisionError"),
    ],
)
def test_a_bad_end_has_its_reason_and_a_way_out(
    runs: dict[str, Run], name: str, reason: str, words: str
) -> None:
    end = runs[name].events[-1]
    assert (end["event"], end["reason"]) == ("failed", reason)
    assert words in end["message"]


def test_a_run_that_diverged_leaves_its_last_good_checkpoint(runs: dict[str, Run]) -> None:
    assert runs["diverged"].checkpoints() == ["step-1"]
    assert runs["diverged-unseen"].checkpoints() == []
    assert runs["diverged"].named("step")[-1]["train_loss"] is None


def test_fa20_a_full_disk_leaves_the_older_checkpoint_to_resume_from(runs: dict[str, Run]) -> None:
    assert runs["full-disk"].checkpoints() == ["step-2"]
    resumed = runs["after-full-disk"]
    assert resumed.losses()[6] == pytest.approx(runs["sft"].losses()[6], rel=1e-6)


def test_gradient_checkpointing_changes_memory_and_not_losses(runs: dict[str, Run]) -> None:
    expected = {step: runs["unvalidated"].losses()[step] for step in (1,)}
    assert {1: runs["thrifty"].losses()[1]} == pytest.approx(expected, rel=1e-6)
