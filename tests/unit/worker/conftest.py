"""What the worker's tests share: the ML environment's Python, a tiny model, and runs of the child.

The child runs as the supervisor runs it, as a process of the ML environment, so these tests need
no torch themselves. `ARGOSY_WORKER_PYTHON` names that Python (default `.venv-ml/bin/python`).
"""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
TINY_MODEL = ROOT / "tests" / "fakes" / "tiny_model.py"
DEADLINE_SECONDS = 120


@dataclass(frozen=True)
class Run:
    """A finished child: its events in order and how it ended."""

    directory: Path
    status: int
    events: list[dict[str, Any]]

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]

    def losses(self) -> dict[int, float]:
        return {event["step"]: event["train_loss"] for event in self.named("step")}

    def checkpoints(self) -> list[str]:
        folder = self.directory / "checkpoints"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


StartRun = Callable[..., Run]

SPEC: dict[str, Any] = {
    "job_id": "ftjob-test",
    "seed": 7,
    "n_epochs": 1,
    "batch_size": 4,
    "learning_rate": 0.01,
    "lora_rank": 4,
    "max_seq_length": 256,
    "checkpoint_every_steps": 4,
}


@dataclass(frozen=True)
class Planned:
    """A run for `in_process`: its directory's name and what differs from the common spec."""

    name: str
    changes: dict[str, Any]
    die_at_step: int | None = None
    failpoints: str = ""


def run_in_process(
    ml_python: str, folder: Path, model: Path, planned: list[Planned]
) -> dict[str, Run]:
    """All runs in one process of the ML environment, in order, each in `folder`/name."""
    tasks = []
    for each in planned:
        (folder / each.name).mkdir()
        tasks.append(
            {
                "directory": str(folder / each.name),
                "spec": SPEC | {"weights_path": str(model)} | each.changes,
                "die_at_step": each.die_at_step,
                "failpoints": each.failpoints,
            }
        )
    subprocess.run(
        [ml_python, str(Path(__file__).with_name("in_process.py"))],
        input=json.dumps(tasks).encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=True,
        timeout=10 * DEADLINE_SECONDS,
    )
    return {each.name: _finished(folder / each.name) for each in planned}


def _finished(directory: Path) -> Run:
    lines = (directory / "events.jsonl").read_text("utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    return Run(directory, 1 if events[-1]["event"] == "failed" else 0, events)


def write_records(path: Path, records: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return str(path)


@pytest.fixture(scope="session")
def ml_python() -> str:
    python = Path(os.environ.get("ARGOSY_WORKER_PYTHON", ROOT / ".venv-ml" / "bin" / "python"))
    if not python.exists():
        pytest.skip(f"no ML environment at {python}: run `make setup`")
    return str(python)


@pytest.fixture(scope="session")
def tiny_model(ml_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    subprocess.run(
        [ml_python, str(TINY_MODEL), str(folder)],
        check=True,
        capture_output=True,
        timeout=DEADLINE_SECONDS,
    )
    return folder


def chat_line(question: str, answer: str) -> str:
    messages = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer},
    ]
    return json.dumps({"messages": messages}) + "\n"


def write_chats(path: Path, count: int) -> Path:
    lines = (chat_line(f"what is {n} and {n}", f"it is {n + n}") for n in range(count))
    path.write_text("".join(lines), "utf-8")
    return path


def terminate(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)


@pytest.fixture(scope="session")
def start_run(ml_python: str, tiny_model: Path) -> StartRun:
    def start(
        directory: Path,
        *,
        failpoints: str = "",
        stop_at_step: int | None = None,
        stop: Callable[[int], None] = terminate,
        **changes: Any,
    ) -> Run:
        """Runs a child in `directory`; `changes` go into its spec. `stop` gets the child's pid."""
        directory.mkdir(exist_ok=True)
        spec = SPEC | {
            "weights_path": str(tiny_model),
            "training_file": str(directory / "train.jsonl"),
        }
        (directory / "spec.json").write_text(json.dumps(spec | changes), "utf-8")
        environment = {**os.environ, "ARGOSY_FAILPOINTS": failpoints}
        events = []
        with (
            (directory / "log").open("wb") as log,
            subprocess.Popen(
                [ml_python, "-m", "argosy.trainer.worker", str(directory)],
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
            ) as child,
        ):
            assert child.stdout is not None
            for line in child.stdout:
                event = json.loads(line)
                events.append(event)
                if stop_at_step is not None and event.get("step") == stop_at_step:
                    stop(child.pid)
            status = child.wait(DEADLINE_SECONDS)
        return Run(directory, status, events)

    return start
