"""Checkpoints that are whole or absent.

One is written aside by the training library, stripped to what a resumed run and a server need,
made durable, described by `manifest.json` (SHA-256 and size of every file) and then renamed into
`checkpoints/step-N`. A crash at any point leaves either no `step-N` or a complete one; `verify`
tells a torn one (a bad disk, a cut copy) by its hashes. Standard library only.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from argosy.trainer.worker.failpoints import Failpoints
from argosy.trainer.worker.failures import BadCheckpoint

MANIFEST = "manifest.json"
# One of these says what the artifact is: an adapter, or a whole model.
ARTIFACTS = ("adapter_config.json", "config.json")
# Optimizer, schedule, random states and the counters of the training library.
RESUME_FILES = ("optimizer.pt", "scheduler.pt", "trainer_state.json")
# One, or of several processes one each: rng_state_0.pth and so on.
RANDOM_STATES = "rng_state"
# What the training library writes besides, and nobody reads.
DROPPED = ("README.md", "training_args.bin")


class Checkpoints:
    """The checkpoints of one run; `aside` is where the training library writes."""

    def __init__(self, run_dir: Path, failpoints: Failpoints) -> None:
        self._folder = run_dir / "checkpoints"
        self._failpoints = failpoints
        self.aside = run_dir / "aside"

    def prepare(self) -> None:
        """Empties `aside`: what is there was left by a process that died."""
        shutil.rmtree(self.aside, ignore_errors=True)
        self.aside.mkdir(parents=True)
        self._folder.mkdir(exist_ok=True)

    def path(self, step: int) -> Path:
        return self._folder / f"step-{step}"

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, in order."""
        names = (path.name.removeprefix("step-") for path in self._folder.iterdir())
        return sorted(int(name) for name in names if name.isdecimal())

    def publish(self, written: Path, step: int) -> Path:
        """Makes the folder `written` the checkpoint of `step`; returns its path."""
        for path in written.iterdir():
            if path.name in DROPPED:
                path.unlink()
        # The artifact is for others to read: the engine may run as another user.
        for path in written.iterdir():
            path.chmod(0o644)
        files = {path.name: _describe(path) for path in sorted(written.iterdir())}
        manifest = written / MANIFEST
        manifest.write_text(json.dumps({"step": step, "files": files}, indent=1), "utf-8")
        _sync(manifest)
        _sync(written)
        self._failpoints.hit("checkpoint.before_rename")
        target = self.path(step)
        # A run that resumed from an older checkpoint comes by this step again.
        shutil.rmtree(target, ignore_errors=True)
        written.rename(target)
        _sync(self._folder)
        return target


def verify(checkpoint: Path) -> int:
    """The step of a checkpoint whose files are all as written; raises BadCheckpoint."""
    try:
        manifest: dict[str, Any] = json.loads((checkpoint / MANIFEST).read_text("utf-8"))
        step, files = int(manifest["step"]), dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadCheckpoint(f"{checkpoint.name} has no readable {MANIFEST}: {error}") from error
    missing = set(RESUME_FILES) - files.keys()
    if not any(name.startswith(RANDOM_STATES) for name in files):
        missing.add(RANDOM_STATES)
    if missing:
        raise BadCheckpoint(f"{checkpoint.name} lacks {', '.join(sorted(missing))}")
    if not any(name in files for name in ARTIFACTS) or not any(
        name.endswith(".safetensors") for name in files
    ):
        raise BadCheckpoint(f"{checkpoint.name} lacks {' or '.join(ARTIFACTS)} and its weights")
    for name, expected in files.items():
        try:
            found = _digest(checkpoint / name)
        except OSError as error:
            raise BadCheckpoint(f"{checkpoint.name}/{name} cannot be read: {error}") from error
        if found != expected:
            raise BadCheckpoint(f"{checkpoint.name}/{name} is not what was written")
    return step


def _describe(path: Path) -> dict[str, Any]:
    _sync(path)
    return _digest(path)


def _digest(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": digest, "bytes": path.stat().st_size}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
