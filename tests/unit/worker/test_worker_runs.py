"""The child from outside: what it reports, writes and survives, on a tiny model."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.unit.worker.conftest import Run, StartRun, chat_line, write_chats

pytestmark = pytest.mark.ml

STEPS = 12
# Losses of a resumed run against the uninterrupted one's: same kernels, same order, so only the
# last bits of a float may differ.
TOLERANCE = 1e-6
# Of several processes against one: a step's gradients are added up in another order.
RANKS_TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def whole_run(start_run: StartRun, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An uninterrupted run, the measure for the others."""
    directory = tmp_path_factory.mktemp("whole")
    write_chats(directory / "train.jsonl", 22)
    validation = write_chats(directory / "valid.jsonl", 5)
    return start_run(directory, n_epochs=2, validation_file=str(validation))


def test_a_run_reports_every_step_and_learns(whole_run: Run) -> None:
    assert whole_run.status == 0
    assert whole_run.events[0]["event"] == "started"
    assert whole_run.events[0]["total_steps"] == STEPS
    assert whole_run.events[0]["records"] == 22
    assert list(whole_run.losses()) == list(range(1, STEPS + 1))
    assert whole_run.losses()[STEPS] < whole_run.losses()[1] - 0.3
    for step in whole_run.named("step"):
        assert step["tokens"] > 0
        assert step["learning_rate"] > 0
        assert step["grad_norm"] > 0
        assert 0 <= step["train_mean_token_accuracy"] <= 1
    # Two epochs over the same records read the same tokens.
    tokens = [step["tokens"] for step in whole_run.named("step")]
    assert sum(tokens[:6]) == sum(tokens[6:])
    learnt = [line for step in whole_run.named("step")[:6] for line in step["records"]]
    assert max(len(step["records"]) for step in whole_run.named("step")) == 4
    assert sorted(learnt) == list(range(1, 23))
    assert [event["step"] for event in whole_run.named("validation")] == [4, 8, 12]
    valid = [event["valid_loss"] for event in whole_run.named("validation")]
    assert valid[-1] < valid[0]
    assert whole_run.events[-1]["event"] == "finished"
    assert whole_run.events[-1]["path"] == whole_run.named("checkpoint")[-1]["path"]


def test_checkpoints_are_complete_and_name_no_path_of_the_machine(whole_run: Run) -> None:
    assert whole_run.checkpoints() == ["step-12", "step-4", "step-8"]
    for event in whole_run.named("checkpoint"):
        checkpoint = Path(event["path"])
        manifest = json.loads((checkpoint / "manifest.json").read_text("utf-8"))
        assert manifest["step"] == event["step"]
        names = {path.name for path in checkpoint.iterdir()}
        assert set(manifest["files"]) == names - {"manifest.json"}
        for name, described in manifest["files"].items():
            content = (checkpoint / name).read_bytes()
            assert described["bytes"] == len(content)
            assert described["sha256"] == hashlib.sha256(content).hexdigest()
        adapter = json.loads((checkpoint / "adapter_config.json").read_text("utf-8"))
        assert adapter["base_model_name_or_path"] == "tiny"
        assert (adapter["r"], adapter["lora_alpha"], adapter["bias"]) == (4, 8, "none")


def test_a_run_killed_before_the_rename_resumes_with_the_same_losses(
    whole_run: Run, start_run: StartRun, tmp_path: Path
) -> None:
    shutil.copy(whole_run.directory / "train.jsonl", tmp_path / "train.jsonl")
    killed = start_run(tmp_path, n_epochs=2, failpoints="checkpoint.before_rename=exit@2")
    assert killed.status == 70
    assert killed.checkpoints() == ["step-4"]

    resumed = start_run(tmp_path, n_epochs=2, resume_from=str(tmp_path / "checkpoints" / "step-4"))

    assert resumed.status == 0
    assert resumed.events[0]["resumed_from"] == 4
    expected = {step: loss for step, loss in whole_run.losses().items() if step > 4}
    assert resumed.losses() == pytest.approx(expected, rel=TOLERANCE)
    assert resumed.checkpoints() == ["step-12", "step-4", "step-8"]
    rates = [event["learning_rate"] for event in whole_run.named("step")]
    assert [event["learning_rate"] for event in resumed.named("step")] == rates[4:]


def test_sigterm_ends_a_run_at_the_next_step_without_a_checkpoint(
    start_run: StartRun, tmp_path: Path
) -> None:
    write_chats(tmp_path / "train.jsonl", 8)
    stopped = start_run(tmp_path, max_steps=100_000, checkpoint_every_steps=50_000, stop_at_step=3)
    assert stopped.status == 143
    assert stopped.checkpoints() == []
    assert stopped.named("finished") == stopped.named("failed") == []


def ranks_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_several_processes_learn_what_one_learns_and_outlive_the_death_of_one(
    whole_run: Run, start_run: StartRun, tmp_path: Path
) -> None:
    """The batch is the same, so is the curve; only sums are added up in another order."""
    for name in ("train.jsonl", "valid.jsonl"):
        shutil.copy(whole_run.directory / name, tmp_path / name)
    common = {"n_epochs": 2, "validation_file": str(tmp_path / "valid.jsonl")}
    seen: list[int] = []

    def kill_the_second(pid: int) -> None:
        seen.extend(ranks_of(pid))
        os.kill(seen[1], signal.SIGKILL)

    killed = start_run(tmp_path, processes=2, stop_at_step=6, stop=kill_the_second, **common)
    assert killed.status == -signal.SIGKILL
    assert len(seen) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in seen)
    # It is a crash, which is tried again, and not the run's own failure.
    assert killed.named("failed") == killed.named("finished") == []
    assert killed.checkpoints() == ["step-4"]

    # With another number of them: of an epoch's last two records the third process has none.
    resume = str(tmp_path / "checkpoints" / "step-4")
    resumed = start_run(tmp_path, processes=3, resume_from=resume, **common)

    assert resumed.status == 0
    assert resumed.checkpoints() == ["step-12", "step-4", "step-8"]
    whole = whole_run.losses()
    first = {step: whole[step] for step in killed.losses()}
    assert killed.losses() == pytest.approx(first, rel=RANKS_TOLERANCE)
    later = {step: loss for step, loss in whole.items() if step > 4}
    assert resumed.losses() == pytest.approx(later, rel=RANKS_TOLERANCE)
    for name in ("step", "validation"):
        mine, theirs = resumed.named(name), [e for e in whole_run.named(name) if e["step"] > 4]
        assert [event["step"] for event in mine] == [event["step"] for event in theirs]
        for mine_one, theirs_one in zip(mine, theirs, strict=True):
            for field in {"tokens", "records", "learning_rate"} & theirs_one.keys():
                assert mine_one[field] == theirs_one[field]
    valid = [event["valid_loss"] for event in resumed.named("validation")]
    assert valid == pytest.approx(
        [event["valid_loss"] for event in whole_run.named("validation")][1:], rel=RANKS_TOLERANCE
    )


def test_a_method_that_needs_all_answers_of_a_step_refuses_several_processes(
    start_run: StartRun, tmp_path: Path
) -> None:
    failed = start_run(tmp_path, method="kto", processes=2)
    assert failed.status == 1
    assert failed.events[-1]["reason"] == "unsupported"
    assert "one process, not in 2" in failed.events[-1]["message"]


def test_a_line_that_cannot_be_trained_on_is_named(start_run: StartRun, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(chat_line("a", "b") + '{"messages": [{"role"\n', "utf-8")
    failed = start_run(tmp_path)
    assert failed.status == 1
    assert failed.events[-1]["reason"] == "bad_data"
    assert "line 2" in failed.events[-1]["message"]


def test_a_torn_checkpoint_is_refused(whole_run: Run, start_run: StartRun, tmp_path: Path) -> None:
    torn = tmp_path / "step-8"
    shutil.copytree(whole_run.directory / "checkpoints" / "step-8", torn)
    with (torn / "optimizer.pt").open("r+b") as file:
        file.truncate(1000)
    failed = start_run(tmp_path, resume_from=str(torn))
    assert failed.status == 1
    assert failed.events[-1]["reason"] == "bad_checkpoint"
    assert "optimizer.pt" in failed.events[-1]["message"]


MASK_SCRIPT = """
import json, sys
from pathlib import Path
from transformers import AutoTokenizer
from argosy.trainer.worker.data import corpus, forms, sources
from argosy.trainer.worker.data.tokens import Tokenization
from argosy.trainer.worker.spec import Source

words = AutoTokenizer.from_pretrained(sys.argv[1])
lines = sources.read(sources.draw([Source(Path(sys.argv[2]))], 1))
made = corpus.build(lines, forms.dialogue, Tokenization(words).record, limit=120, name="file")
pairs = []
for record in made.records:
    trained = [token for token in record.labels() if token != -100]
    pairs.append([words.decode(record.ids), words.decode(trained)])
print(json.dumps({"pairs": pairs, "dropped": made.dropped}))
"""


def test_d51_d20_c32_only_answers_are_trained_and_only_of_records_that_fit(
    ml_python: str, tiny_model: Path, tmp_path: Path
) -> None:
    """Every answer with the token that ends it, but none of weight 0, and nothing else.

    A token of this model is a byte, so lengths are easy to see: 120 at most, of template, prompt
    and answer together.
    """
    chats = [
        [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "one?"},
            {"role": "assistant", "content": "first"},
            {"role": "user", "content": "two?"},
            {"role": "assistant", "content": "2nd", "weight": 0},
            {"role": "user", "content": [{"type": "text", "text": "三?"}]},
            {"role": "assistant", "content": "第三", "weight": 1},
            {"role": "user", "content": "thanks"},
        ],
        [
            {"role": "user", "content": "long?"},
            {"role": "assistant", "content": "x" * 96},
        ],
        [
            {"role": "user", "content": "fits?"},
            # Before it stand 24 tokens, after it one: 120. The record above has one more.
            {"role": "assistant", "content": "y" * 95},
        ],
    ]
    file = tmp_path / "train.jsonl"
    file.write_text("".join(json.dumps({"messages": chat}) + "\n" for chat in chats), "utf-8")
    result = subprocess.run(
        [ml_python, "-c", MASK_SCRIPT, str(tiny_model), str(file)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    corpus = json.loads(result.stdout)
    (whole, trained), (_, exact) = corpus["pairs"]
    assert trained == "first<|im_end|>第三<|im_end|>"
    # What follows the last answer is not even read.
    assert whole.endswith("第三<|im_end|>")
    assert whole.startswith("<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\none?")
    assert exact == "y" * 95 + "<|im_end|>"
    assert corpus["dropped"] == [2]
