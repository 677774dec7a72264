"""The trainer's child run for a benchmark: one spec, its events, its log."""

from __future__ import annotations

import json
import os
import re
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
class Line:
    """What a process said, and when: seconds since its start, its own processor seconds so far, the
    largest resident set that it has had, in bytes."""

    event: dict[str, Any]
    seconds: float
    cpu: float
    memory: int


@dataclass(frozen=True)
class Trained:
    lines: list[Line]

    def named(self, name: str) -> list[dict[str, Any]]:
        return [line.event for line in self.lines if line.event["event"] == name]

    def checkpoint(self) -> str:
        return str(self.named("finished")[-1]["path"])


def listen(command: list[str], log: Path, **options: Any) -> list[Line]:
    """Run `command` to its end; its output is a JSON object a line."""
    began = time.monotonic()
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, **options) as process,
    ):
        if process.stdout is None:
            raise RuntimeError("the process has no output")
        lines = [
            Line(
                json.loads(raw),
                time.monotonic() - began,
                _cpu_seconds(process.pid),
                _largest_memory(process.pid),
            )
            for raw in process.stdout
        ]
        process.wait(LONGEST_RUN_SECONDS)
    return lines


def _cpu_seconds(pid: int) -> float:
    """Of all threads, from the kernel; 0 when the process is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _largest_memory(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


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
    log = directory / "log"
    lines = listen([ML_PYTHON, "-m", "argosy.trainer.worker", str(directory)], log)
    if not lines or lines[-1].event["event"] != "finished":
        last = lines[-1].event if lines else None
        raise RuntimeError(f"{directory.name}: {last} {log.read_text('utf-8', 'replace')}")
    return Trained(lines)


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
