"""A run's folder: data, spec, log, and checkpoints that are whole or not there.

    RUN_ROOT/<job id>/  spec.json  worker.log  child.json
                        data/{training,validation,source-<n>,distilled}.jsonl
                        checkpoints/step-<N>/{manifest.json, adapter_config.json, …}

Knows files. Does not know what trains. Methods block; call them in a thread.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
from pathlib import Path
from typing import Any, Final

from argosy.trainer.domain import artifacts

_log = logging.getLogger(__name__)

_STEP: Final = re.compile(r"step-(\d+)")
_JOB_ID: Final = re.compile(r"ftjob-[0-9A-Za-z]+")


class TornCheckpoint(Exception):
    """What is on disk is not what was written."""


class WorkDir:
    """The folder of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / "worker.log"
        self.child_file = path / "child.json"
        self.training = path / "data" / "training.jsonl"
        self.validation = path / "data" / "validation.jsonl"
        # A teacher's answers.
        self.distilled = path / "data" / "distilled.jsonl"
        self._checkpoints = path / "checkpoints"

    def prepare(self) -> None:
        self.training.parent.mkdir(parents=True, exist_ok=True)
        self._checkpoints.mkdir(exist_ok=True)

    def write_spec(self, spec: dict[str, Any]) -> None:
        aside = self.path / "spec.json.part"
        aside.write_text(json.dumps(spec, indent=1), "utf-8")
        aside.rename(self.path / "spec.json")

    def source(self, number: int) -> Path:
        """Return the file of the records that are mixed in, counted from 0."""
        return self.training.with_name(f"source-{number}.jsonl")

    def checkpoint(self, step: int) -> Path:
        return self._checkpoints / f"step-{step}"

    def steps(self) -> list[int]:
        """Return the steps that have a checkpoint, whole or not, in order."""
        try:
            names = [path.name for path in self._checkpoints.iterdir()]
        except FileNotFoundError:
            return []
        return sorted(int(m[1]) for name in names if (m := _STEP.fullmatch(name)))

    def intact(self, step: int) -> bool:
        """Tell whether the checkpoint of `step` is as it was written; a torn one is removed."""
        try:
            _verify(self.checkpoint(step), step)
        except TornCheckpoint as torn:
            _log.warning("checkpoint %s is torn and removed: %s", self.checkpoint(step), torn)
            self.drop(step)
            return False
        return True

    def newest_intact(self, last: int) -> int | None:
        """Return the step of the newest whole checkpoint up to step `last`; newer ones go away."""
        for step in reversed(self.steps()):
            if step > last:
                self.drop(step)
            elif self.intact(step):
                return step
        return None

    def drop(self, step: int) -> None:
        shutil.rmtree(self.checkpoint(step), ignore_errors=True)

    def prune(self, published: set[int], keep: int, best: int | None) -> None:
        """Remove published checkpoints but the newest `keep` on disk, and the best so far."""
        for step in self.steps()[:-keep]:
            if step in published and step != best:
                self.drop(step)

    def slim(self) -> None:
        """Remove what a job that succeeded needs no more; spec and log stay for who looks."""
        shutil.rmtree(self.training.parent, ignore_errors=True)
        shutil.rmtree(self._checkpoints, ignore_errors=True)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


class RunRoot:
    """The folder of all runs of this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def run(self, job_id: str) -> WorkDir:
        """Return the folder of a job; the id is the trainer's own and becomes a path."""
        if not _JOB_ID.fullmatch(job_id):
            raise ValueError(f"{job_id!r} is no job id")
        return WorkDir(self.path / job_id)

    def job_ids(self) -> list[str]:
        """Return the jobs that have a folder here."""
        if not self.path.exists():
            return []
        names = (path.name for path in self.path.iterdir())
        return sorted(name for name in names if _JOB_ID.fullmatch(name))


def _verify(folder: Path, step: int) -> None:
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        files: dict[str, Any] = dict(manifest["files"])
        if manifest["step"] != step:
            raise TornCheckpoint("its manifest is of another step")
        missing = artifacts.missing(files)
        if missing:
            raise TornCheckpoint(f"it lacks {', '.join(sorted(missing))}")
        for name, expected in files.items():
            _verify_file(folder / name, expected)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TornCheckpoint(f"{type(error).__name__}: {error}") from error


def _verify_file(path: Path, expected: dict[str, Any]) -> None:
    if path.stat().st_size != expected["bytes"]:
        raise TornCheckpoint(f"{path.name} has the wrong size")
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != expected["sha256"]:
            raise TornCheckpoint(f"{path.name} has the wrong hash")
