"""The worker's pure parts, without torch: spec, data lines, schedule, checkpoints, failures."""

import errno
import io
import json
import os
from pathlib import Path

import pytest
from argosy.trainer.worker.checkpoints import KEPT, Checkpoints, verify
from argosy.trainer.worker.conversations import parse_line, read_conversations
from argosy.trainer.worker.failpoints import Failpoints
from argosy.trainer.worker.failures import BadCheckpoint, BadData, Failure, Reason, failure_of
from argosy.trainer.worker.progress import Progress
from argosy.trainer.worker.schedule import BatchPlan, split_by_tokens
from argosy.trainer.worker.spec import load_spec, parse_spec

SPEC = {
    "job_id": "ftjob-1",
    "weights_path": "/models/tiny",
    "training_file": "/data/train.jsonl",
    "seed": 1,
    "n_epochs": 3,
    "batch_size": 8,
    "learning_rate": 0.002,
    "lora_rank": 16,
    "max_seq_length": 1024,
    "checkpoint_every_steps": 20,
}


def test_a_spec_is_typed_and_its_optional_fields_default_to_none() -> None:
    spec = parse_spec(SPEC)
    assert spec.weights_path == Path("/models/tiny")
    assert (spec.validation_file, spec.max_steps, spec.resume_from) == (None, None, None)


def test_the_spec_of_yesterday_is_supervised_lora_on_one_file() -> None:
    spec = parse_spec(SPEC | {"sources": None, "method": None})
    assert (spec.method, spec.scale, spec.kind()) == ("sft", "lora", "dialogue")
    assert [(str(each.path), each.rate) for each in spec.training_sources()] == [
        ("/data/train.jsonl", 1.0)
    ]


def test_sources_win_over_the_training_file() -> None:
    spec = parse_spec(SPEC | {"sources": [{"path": "/a", "rate": 0.1}, {"path": "/b"}]})
    assert [(str(each.path), each.rate) for each in spec.training_sources()] == [
        ("/a", 0.1),
        ("/b", 1.0),
    ]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"n_epochs": 1.5}, "n_epochs"),
        ({"max_steps": 0}, "max_steps"),
        ({"method": "ppo"}, "method is 'ppo', not one of sft,"),
        ({"scale": "qlora"}, "scale"),
        ({"method": "dpo", "data_kind": "text"}, "dpo learns from preference or ranked"),
        ({"method": "rlhf"}, "grader or reward_model_path"),
        ({"training_file": None}, "training_file or sources"),
        ({"sources": [{"path": "/a", "rate": -1}]}, "rate of -1.0"),
        ({"sources": [{"path": "/a", "share": 1}]}, "unknown share"),
        ({"early_stop_patience": 2}, "early_stop_patience needs a validation_file"),
    ],
)
def test_a_spec_out_of_range_is_refused_by_name(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_spec(SPEC | change)


def test_a_spec_that_lacks_a_field_is_an_internal_failure(tmp_path: Path) -> None:
    partial = {name: value for name, value in SPEC.items() if name != "seed"}
    (tmp_path / "spec.json").write_text(json.dumps(partial), "utf-8")
    with pytest.raises(Failure, match="missing seed") as caught:
        load_spec(tmp_path)
    assert caught.value.reason is Reason.INTERNAL


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def assistant(content: object, **more: object) -> dict[str, object]:
    return {"role": "assistant", "content": content, **more}


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ([], "line 9: `messages`"),
        ({"messages": []}, "line 9: `messages`"),
        ({"messages": [user("q"), "text"]}, r"messages\[1\] must be an object"),
        ({"messages": [user({"a": 1}), assistant("a")]}, r"messages\[0\].content"),
        ({"messages": [user([{"type": "image_url"}]), assistant("a")]}, r"messages\[0\].content"),
        ({"messages": [assistant("a")]}, "must not be the assistant's"),
        ({"messages": [user("q")]}, "no assistant message"),
        ({"messages": [user("q"), assistant("a", weight=0)]}, "no assistant message"),
        ({"messages": [user("q"), assistant("a", weight=0.5)]}, r"messages\[1\].weight"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(record: object, complaint: str) -> None:
    with pytest.raises(BadData, match=complaint) as caught:
        parse_line(9, json.dumps(record).encode())
    assert caught.value.message.startswith("line 9: ")


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    good = json.dumps({"messages": [user("q"), assistant("a")]})
    file = tmp_path / "train.jsonl"
    file.write_text(f"{good}\n\n{good}\n", "utf-8")
    assert [each.line for each in read_conversations(file)] == [1, 3]


def test_weights_choose_the_answers_and_do_not_reach_the_template() -> None:
    record = {"messages": [user("q"), assistant("a", weight=0), user("r"), assistant("b")]}
    conversation = parse_line(1, json.dumps(record).encode())
    assert conversation.trained == {3}
    assert all("weight" not in message for message in conversation.messages)


LENGTHS = [10, 50, 20, 40, 30, 60, 15, 25, 35, 45, 55]


def plan(seed: int = 1, n_epochs: int = 2, max_steps: int | None = None) -> BatchPlan:
    return BatchPlan(LENGTHS, batch_size=4, n_epochs=n_epochs, max_steps=max_steps, seed=seed)


def test_every_epoch_visits_each_record_once_in_its_own_order() -> None:
    steps = list(plan())
    assert len(steps) == 6
    first, second = steps[:3], steps[3:]
    for epoch in (first, second):
        assert sorted(index for batch in epoch for index in batch) == list(range(len(LENGTHS)))
    assert first != second


def test_a_plan_depends_on_nothing_but_its_arguments() -> None:
    steps = list(plan())
    assert [plan()[step] for step in (5, 0, 3)] == [steps[5], steps[0], steps[3]]
    assert list(plan(seed=2)) != steps
    assert list(plan(max_steps=4)) == steps[:4]
    assert list(plan(n_epochs=1, max_steps=6)) == steps


def test_a_step_is_split_so_that_no_part_exceeds_the_budget() -> None:
    parts = split_by_tokens([0, 1, 2, 3, 4], LENGTHS, budget=80)
    assert sorted(index for part in parts for index in part) == [0, 1, 2, 3, 4]
    for part in parts:
        assert max(LENGTHS[index] for index in part) * len(part) <= 80
    assert split_by_tokens([5, 0], LENGTHS, budget=1) == [[5], [0]]


def write_aside(checkpoints: Checkpoints, step: int) -> Path:
    written = checkpoints.aside / f"checkpoint-{step}"
    written.mkdir()
    for name in (*KEPT, "README.md"):
        (written / name).write_text(f"{name} of {step}", "utf-8")
    return written


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    made = Checkpoints(tmp_path, Failpoints(""))
    made.prepare()
    return made


def test_a_published_checkpoint_verifies_and_holds_only_what_is_needed(
    checkpoints: Checkpoints,
) -> None:
    path = checkpoints.publish(write_aside(checkpoints, 20), 20)
    assert verify(path) == 20
    assert {file.name for file in path.iterdir()} == {*KEPT, "manifest.json"}


def test_a_step_that_comes_again_replaces_its_checkpoint(checkpoints: Checkpoints) -> None:
    path = checkpoints.publish(write_aside(checkpoints, 20), 20)
    (path / "optimizer.pt").unlink()
    assert verify(checkpoints.publish(write_aside(checkpoints, 20), 20)) == 20


@pytest.mark.parametrize(
    "name", ["adapter_model.safetensors", "optimizer.pt", "manifest.json", "trainer_state.json"]
)
def test_a_torn_or_missing_file_is_found(checkpoints: Checkpoints, name: str) -> None:
    path = checkpoints.publish(write_aside(checkpoints, 20), 20)
    os.truncate(path / name, 3)
    with pytest.raises(BadCheckpoint, match="step-20"):
        verify(path)
    (path / name).unlink()
    with pytest.raises(BadCheckpoint, match=name):
        verify(path)


def test_a_full_disk_leaves_the_older_checkpoint_and_no_newer_one(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, Failpoints("checkpoint.before_rename=enospc@2"))
    checkpoints.prepare()
    older = checkpoints.publish(write_aside(checkpoints, 20), 20)
    with pytest.raises(OSError, match="failpoint") as caught:
        checkpoints.publish(write_aside(checkpoints, 40), 40)
    assert failure_of(caught.value).reason is Reason.DISK_FULL
    assert verify(older) == 20
    assert not checkpoints.path(40).exists()
    checkpoints.prepare()
    assert list(checkpoints.aside.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), Reason.DISK_FULL),
        (RuntimeError("[enforce fail] unexpected pos 64 vs 0"), Reason.DISK_FULL),
        (MemoryError(), Reason.OUT_OF_MEMORY),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), Reason.OUT_OF_MEMORY),
        (OSError(errno.EACCES, "Permission denied"), Reason.INTERNAL),
        (BadData("line 1: bad"), Reason.BAD_DATA),
    ],
)
def test_an_exception_becomes_one_of_the_closed_reasons(error: Exception, reason: Reason) -> None:
    assert failure_of(error).reason is reason


def test_events_are_lines_of_valid_json_whatever_the_loss_is() -> None:
    stream = io.StringIO()
    Progress(stream).emit("step", step=1, train_loss=float("nan"), grad_norm=float("inf"))
    assert json.loads(stream.getvalue()) == {
        "event": "step",
        "step": 1,
        "train_loss": None,
        "grad_norm": None,
    }
    assert stream.getvalue().endswith("\n")
