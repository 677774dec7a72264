"""Run folders: whole checkpoints are told from torn ones, and nothing outside is touched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from argosy.trainer.runs.workdir import RunRoot, WorkDir


def write(workdir: WorkDir, step: int, *, of_step: int | None = None) -> Path:
    """Write a whole checkpoint, with a manifest of another step if that is wanted."""
    folder = workdir.checkpoint(step)
    folder.mkdir(parents=True)
    files = {}
    for name in ("adapter_config.json", "adapter_model.safetensors", "optimizer.pt"):
        raw = f"{name} of {step}".encode()
        (folder / name).write_bytes(raw)
        files[name] = {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}
    manifest = {"step": of_step or step, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def workdir(tmp_path: Path) -> WorkDir:
    made = RunRoot(tmp_path).run("ftjob-1")
    made.prepare()
    return made


def flip_a_byte(folder: Path) -> None:
    file = folder / "optimizer.pt"
    raw = bytearray(file.read_bytes())
    raw[0] ^= 1
    file.write_bytes(raw)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a flipped byte": flip_a_byte,
    "a short file": lambda f: (f / "adapter_model.safetensors").write_bytes(b"x"),
    "a missing file": lambda f: (f / "optimizer.pt").unlink(),
    "no manifest": lambda f: (f / "manifest.json").unlink(),
    "half a manifest": lambda f: (f / "manifest.json").write_text('{"step": 3, "fi'),
    "a manifest of something else": lambda f: (f / "manifest.json").write_text("[]"),
    "a manifest without adapter": lambda f: (f / "manifest.json").write_text(
        '{"step": 3, "files": {}}'
    ),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_torn_checkpoint_is_removed_and_the_one_before_used(
    workdir: WorkDir, damage: Callable[[Path], object]
) -> None:
    write(workdir, 2)
    damage(write(workdir, 3))
    assert workdir.newest_intact(9) == 2
    assert workdir.steps() == [2]


def test_a_checkpoint_of_another_step_is_torn(workdir: WorkDir) -> None:
    write(workdir, 3, of_step=2)
    assert workdir.newest_intact(9) is None


def test_steps_count_as_numbers(workdir: WorkDir) -> None:
    for step in (9, 100, 20):
        write(workdir, step)
    (workdir.path / "checkpoints" / "step-x").mkdir()
    assert workdir.steps() == [9, 20, 100]
    assert workdir.newest_intact(100) == 100
    # One that nobody told of: its steps may not be written down.
    assert workdir.newest_intact(99) == 20
    assert workdir.steps() == [9, 20]


def test_pruning_leaves_the_newest_two_the_best_and_what_is_not_published(
    workdir: WorkDir,
) -> None:
    for step in (1, 2, 3, 4, 5):
        write(workdir, step)
    workdir.prune({1, 3, 4, 5}, keep=2, best=1)
    assert workdir.steps() == [1, 2, 4, 5]
    workdir.prune({1, 3, 4, 5}, keep=2, best=None)
    assert workdir.steps() == [2, 4, 5]


def test_slimming_leaves_spec_and_log(workdir: WorkDir) -> None:
    write(workdir, 1)
    workdir.training.write_text("x")
    workdir.write_spec({"seed": 1})
    workdir.log.write_text("log")
    workdir.slim()
    assert {path.name for path in workdir.path.iterdir()} == {"spec.json", "worker.log"}


@pytest.mark.parametrize("job_id", ["..", "ftjob-", "ftjob-1/../x", "", "ftjob-a.b"])
def test_only_job_ids_become_paths(tmp_path: Path, job_id: str) -> None:
    with pytest.raises(ValueError, match="no job id"):
        RunRoot(tmp_path).run(job_id)


def test_other_folders_are_no_runs(tmp_path: Path) -> None:
    root = RunRoot(tmp_path)
    root.run("ftjob-abc").prepare()
    (tmp_path / "lost+found").mkdir()
    assert root.job_ids() == ["ftjob-abc"]
    assert RunRoot(tmp_path / "absent").job_ids() == []
