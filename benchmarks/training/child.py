"""The trainer's child run for a benchmark: one spec, its events, its log."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
ML_PYTHON: Final = str(
    Path(os.environ.get("ARGOSY_WORKER_PYTHON", ROOT / ".venv-ml" / "bin" / "python"))
)
WEIGHTS: Final = Path(ML_PYTHON).parents[1] / "share/argosy/models/smollm2-135m-instruct"
LONGEST_RUN_SECONDS: Final = 7200


@dataclass(frozen=True)
class Trained:
    """`seconds` from the start of the process; `first_step` until its first step was done."""

    events: list[dict[str, Any]]
    seconds: float
    first_step: float

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]

    def checkpoint(self) -> str:
        return str(self.named("finished")[-1]["path"])


def train(directory: Path, spec: dict[str, Any]) -> Trained:
    """Raises RuntimeError with the child's last words if it does not finish."""
    directory.mkdir(parents=True, exist_ok=True)
    defaults = {
        "job_id": directory.name,
        "weights_path": str(WEIGHTS),
        "seed": 1,
        "n_epochs": 1,
        "lora_rank": 16,
        "max_seq_length": 512,
        "checkpoint_every_steps": 1_000_000,
    }
    (directory / "spec.json").write_text(json.dumps(defaults | spec), "utf-8")
    began = time.monotonic()
    first_step = 0.0
    events = []
    with (
        (directory / "log").open("wb") as log,
        subprocess.Popen(
            [ML_PYTHON, "-m", "argosy.trainer.worker", str(directory)],
            stdout=subprocess.PIPE,
            stderr=log,
        ) as child,
    ):
        if child.stdout is None:
            raise RuntimeError("the child has no output")
        for line in child.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == "step" and not first_step:
                first_step = time.monotonic() - began
        child.wait(LONGEST_RUN_SECONDS)
    if not events or events[-1]["event"] != "finished":
        raise RuntimeError(f"{directory.name}: {events[-1:]} {(directory / 'log').read_text()}")
    return Trained(events, time.monotonic() - began, first_step)


def write(path: Path, records: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return str(path)


def greedy(adapter: str | None, requests: list[str], max_tokens: int) -> list[dict[str, Any]]:
    """Answers of the packaged model, with `adapter` if there is one."""
    task = {
        "weights": str(WEIGHTS),
        "adapter": adapter,
        "requests": requests,
        "max_tokens": max_tokens,
    }
    done = subprocess.run(
        [ML_PYTHON, str(Path(__file__).with_name("greedy.py"))],
        input=json.dumps(task).encode(),
        stdout=subprocess.PIPE,
        # Threads that wait sleep, as in the child.
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        check=True,
        timeout=LONGEST_RUN_SECONDS,
    )
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers
