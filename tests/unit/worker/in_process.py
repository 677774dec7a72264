"""Runs many specs one after the other in one process of the ML environment.

`python tests/unit/worker/in_process.py` reads a JSON list of objects on stdin: `directory`, `spec`
and perhaps `die_at_step`
and `failpoints`. Each run's events go to `events.jsonl` in its directory. The child's own
process takes seconds to import torch: what needs no process of its own is tried here. A run that
dies does so by an exception between two steps, as unforeseen by the loop as a kill.
"""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

from argosy.trainer.worker.__main__ import QUIET_ENVIRONMENT

# Tiny tensors gain nothing from a second thread, and threads that wait take time from others.
os.environ.update(QUIET_ENVIRONMENT | {"OMP_NUM_THREADS": "1"})

from argosy.trainer.worker.checkpoints import Checkpoints, verify
from argosy.trainer.worker.failpoints import Failpoints
from argosy.trainer.worker.failures import failure_of
from argosy.trainer.worker.progress import Progress
from argosy.trainer.worker.recipes.dispatch import recipe_of
from argosy.trainer.worker.run import Run
from argosy.trainer.worker.spec import load_spec
from argosy.trainer.worker.stopping import StopSignal


class Died(BaseException):
    pass


class DyingProgress(Progress):
    """Dies when a step was told, before its checkpoint."""

    def __init__(self, stream: io.TextIOBase, die_at_step: int | None) -> None:
        super().__init__(stream)
        self._die_at_step = die_at_step

    def emit(self, event: str, **values: Any) -> None:
        super().emit(event, **values)
        if event == "step" and values["step"] == self._die_at_step:
            raise Died


def run(
    directory: Path, spec: dict[str, Any], die_at_step: int | None = None, failpoints: str = ""
) -> None:
    (directory / "spec.json").write_text(json.dumps(spec), "utf-8")
    with (directory / "events.jsonl").open("w", encoding="utf-8") as stream:
        progress = DyingProgress(stream, die_at_step)
        try:
            parsed = load_spec(directory)
            done = verify(parsed.resume_from) if parsed.resume_from else 0
            checkpoints = Checkpoints(directory, Failpoints(failpoints))
            recipe_of(parsed.method)(Run(parsed, done, checkpoints, progress, StopSignal()))
        except Died:
            pass
        except Exception as error:
            if os.environ.get("ARGOSY_TEST_RAISE"):
                raise
            failure = failure_of(error)
            progress.emit("failed", reason=failure.reason, message=failure.message)


def main() -> None:
    for each in json.load(sys.stdin):
        run(Path(each.pop("directory")), **each)


if __name__ == "__main__":
    main()
