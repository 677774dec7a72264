"""The worker's pure parts, without torch: schedule, rates, early stop, checkpoints, failures."""

import errno
import io
import json
import os
from pathlib import Path

import pytest
from argosy.trainer.worker.checkpoints import RESUME_FILES, Checkpoints, verify
from argosy.trainer.worker.early_stop import EarlyStop
from argosy.trainer.worker.failpoints import Failpoints
from argosy.trainer.worker.failures import (
    BadCheckpoint,
    BadData,
    Diverged,
    Reason,
    failure_of,
)
from argosy.trainer.worker.progress import Progress
from argosy.trainer.worker.rates import LOWEST, schedule
from argosy.trainer.worker.schedule import BatchPlan, split_by_tokens

ADAPTER = ("adapter_config.json", "adapter_model.safetensors")
WHOLE_MODEL = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json")
RESUMED = (*RESUME_FILES, "rng_state.pth")
KEPT = (*ADAPTER, *RESUMED)

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


@pytest.mark.parametrize("good", [3, 4, 9, 10])
def test_d02_every_batch_has_both_verdicts_where_there_are_enough(good: int) -> None:
    """Of 11 lengths that tell the verdict: sorted by length alone, batches would be of one kind."""
    kinds = [length <= sorted(LENGTHS)[good - 1] for length in LENGTHS]
    mixed = BatchPlan(LENGTHS, batch_size=4, n_epochs=2, max_steps=None, seed=3, kinds=kinds)
    enough = [kind for kind in (True, False) if kinds.count(kind) >= 3]
    for batch in mixed:
        assert {kinds[index] for index in batch} >= set(enough)
    for epoch in (list(mixed)[:3], list(mixed)[3:]):
        assert sorted(index for batch in epoch for index in batch) == list(range(len(LENGTHS)))
        assert sorted(map(len, epoch)) == [3, 4, 4]
    again = BatchPlan(LENGTHS, batch_size=4, n_epochs=2, max_steps=None, seed=3, kinds=kinds)
    assert again[4] == list(mixed)[4]


def test_a_rare_kind_is_not_heaped_and_one_kind_changes_nothing() -> None:
    kinds = [index == 7 or index == 8 for index in range(11)]
    rare = BatchPlan(LENGTHS, batch_size=3, n_epochs=1, max_steps=None, seed=1, kinds=kinds)
    assert sorted(sum(kinds[index] for index in batch) for batch in rare) == [0, 0, 1, 1]
    alike = BatchPlan(LENGTHS, batch_size=4, n_epochs=2, max_steps=None, seed=1, kinds=[0] * 11)
    assert list(alike) == list(plan(seed=1))


def test_a_step_is_split_so_that_no_part_exceeds_the_budget() -> None:
    parts = split_by_tokens([0, 1, 2, 3, 4], LENGTHS, budget=80)
    assert sorted(index for part in parts for index in part) == [0, 1, 2, 3, 4]
    for part in parts:
        assert max(LENGTHS[index] for index in part) * len(part) <= 80
    assert split_by_tokens([5, 0], LENGTHS, budget=1) == [[5], [0]]


@pytest.mark.parametrize("kind", ["cosine", "linear", "constant"])
def test_no_step_is_lost_at_a_rate_of_zero(kind: str) -> None:
    rates = [schedule(kind, 20, 0.1)(step) for step in range(20)]
    assert rates[:2] == [0.5, 1.0]
    assert rates == sorted(rates[:2]) + sorted(rates[2:], reverse=True)
    assert rates[-1] == pytest.approx(1.0 if kind == "constant" else LOWEST)
    assert schedule(kind, 20, 0.0)(0) > 0.9


def test_d25_patience_counts_validations_in_a_row_that_better_nothing(tmp_path: Path) -> None:
    stop = EarlyStop(patience=2)
    assert [stop.judge(step, loss) for step, loss in enumerate([3.0, 2.0, 2.0], start=1)] == [
        True,
        True,
        False,
    ]
    assert not stop.is_due()
    stop.save(tmp_path)
    resumed = EarlyStop.load(2, tmp_path)
    assert not resumed.judge(4, float("nan"))
    assert resumed.is_due()
    assert resumed.best_step == 2
    assert not EarlyStop(patience=0, failures=9).is_due()


def write_aside(checkpoints: Checkpoints, step: int, files: tuple[str, ...] = KEPT) -> Path:
    written = checkpoints.aside / f"checkpoint-{step}"
    written.mkdir()
    for name in (*files, "README.md", "training_args.bin"):
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


def test_a_whole_model_is_as_good_a_checkpoint_as_an_adapter(checkpoints: Checkpoints) -> None:
    files = (*WHOLE_MODEL, *RESUMED)
    path = checkpoints.publish(write_aside(checkpoints, 20, files), 20)
    assert verify(path) == 20
    assert {file.name for file in path.iterdir()} == {*files, "manifest.json"}


def test_a_checkpoint_without_an_artifact_is_none(checkpoints: Checkpoints) -> None:
    path = checkpoints.publish(write_aside(checkpoints, 20, RESUMED), 20)
    with pytest.raises(BadCheckpoint, match="adapter_config"):
        verify(path)


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
        (Diverged(7, 0.1), Reason.DIVERGED),
    ],
)
def test_an_exception_becomes_one_of_the_closed_reasons(error: Exception, reason: Reason) -> None:
    assert failure_of(error).reason is reason


def test_events_are_lines_of_valid_json_whatever_the_loss_is() -> None:
    stream = io.StringIO()
    values = {"perplexity": float("nan")}
    Progress(stream).emit("step", step=1, train_loss=float("nan"), values=values)
    assert json.loads(stream.getvalue()) == {
        "event": "step",
        "step": 1,
        "train_loss": None,
        "values": {"perplexity": None},
    }
    assert stream.getvalue().endswith("\n")
