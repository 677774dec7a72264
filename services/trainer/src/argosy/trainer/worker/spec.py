"""What a run is told: the typed form of `RUN_DIR/spec.json`, written by the supervisor."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from argosy.trainer.worker.failures import Failure, Reason


@dataclass(frozen=True)
class Spec:
    """Paths are absolute. Counts and sizes are at least 1."""

    job_id: str
    weights_path: Path
    training_file: Path
    validation_file: Path | None
    seed: int
    n_epochs: int
    # Records a step.
    batch_size: int
    # The peak of the schedule.
    learning_rate: float
    lora_rank: int
    # Tokens; a longer record is cut.
    max_seq_length: int
    checkpoint_every_steps: int
    # Wins over n_epochs.
    max_steps: int | None
    # A checkpoint directory of this run.
    resume_from: Path | None


PATHS = {"weights_path", "training_file", "validation_file", "resume_from"}
OPTIONAL = {"validation_file", "max_steps", "resume_from"}
COUNTS = ("n_epochs", "batch_size", "lora_rank", "max_seq_length", "checkpoint_every_steps")


def load_spec(run_dir: Path) -> Spec:
    """Raises Failure(internal): a bad spec is the supervisor's mistake, not the user's."""
    file = run_dir / "spec.json"
    try:
        return parse_spec(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise Failure(Reason.INTERNAL, f"{file.name} cannot be read: {error}") from error


def parse_spec(raw: dict[str, Any]) -> Spec:
    """Raises ValueError that names the field."""
    known = {field.name for field in fields(Spec)}
    missing = known - raw.keys() - OPTIONAL
    if missing:
        raise ValueError(f"missing {', '.join(sorted(missing))}")
    values: dict[str, Any] = {name: raw.get(name) for name in known}
    for name in PATHS:
        values[name] = Path(values[name]) if values[name] else None
    spec = Spec(**values)
    for name in COUNTS:
        value = getattr(spec, name)
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} is {value!r}, not an integer of at least 1")
    if spec.max_steps is not None and spec.max_steps < 1:
        raise ValueError(f"max_steps is {spec.max_steps}, not at least 1")
    return spec
