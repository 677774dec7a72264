"""What a compression is told: the typed form of `RUN_DIR/spec.json`, written by the supervisor.

Knows fields, types and defaults. Does not know which values are wise: the supervisor has judged
them, so a bad one here is a mistake of Argosy's and not of the user's.
"""

import json
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from argosy.trainer.worker.failures import Failure, Reason
from argosy.trainer.worker.spec import DIALOGUE, TEXT, Source

W8A8, W8A16, W4A16 = "w8a8", "w8a16", "w4a16"
NEAREST, GPTQ = "nearest", "gptq"


@dataclass(frozen=True)
class CompressionSpec:
    """Paths are absolute. Perplexity is measured on `validation_file`, which nothing else sees."""

    job_id: str
    weights_path: Path
    seed: int
    sources: tuple[Source, ...]
    validation_file: Path
    data_kind: str
    scheme: str
    rounding: str
    # Tokens of a record; a longer one is left out.
    max_seq_length: int
    # Of the sources, how many records GPTQ looks at.
    calibration_records: int
    # Answers that each version writes for the comparison of speed; 0: none.
    measured_answers: int
    # Weights that share a scale; None: the largest that divides the model's widths.
    group_size: int | None = None
    # A LoRA adapter that becomes part of the weights first.
    base_adapter_path: Path | None = None
    # A result of this run that is whole already.
    resume_from: Path | None = None


_PATHS = {"weights_path", "validation_file", "base_adapter_path", "resume_from"}
_CHOICES = {
    "data_kind": (DIALOGUE, TEXT),
    "scheme": (W8A8, W8A16, W4A16),
    "rounding": (NEAREST, GPTQ),
}


def load_spec(run_dir: Path) -> CompressionSpec:
    """Raises Failure(internal): a bad spec is the supervisor's mistake, not the user's."""
    file = run_dir / "spec.json"
    try:
        return parse_spec(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise Failure(Reason.INTERNAL, f"{file.name} cannot be read: {error}") from error


def parse_spec(raw: dict[str, Any]) -> CompressionSpec:
    """Raises ValueError that names the field. A null is as good as no value."""
    given = {name: value for name, value in raw.items() if value is not None}
    known = fields(CompressionSpec)
    missing = {field.name for field in known if field.default is MISSING} - given.keys()
    if missing:
        raise ValueError(f"missing {', '.join(sorted(missing))}")
    names = [field.name for field in known if field.name in given]
    values: dict[str, Any] = {name: given[name] for name in names}
    for name in _PATHS & values.keys():
        values[name] = Path(values[name])
    values["sources"] = tuple(
        Source(Path(each["path"]), float(each.get("rate") or 1.0)) for each in values["sources"]
    )
    for name, choices in _CHOICES.items():
        if values[name] not in choices:
            raise ValueError(f"{name} is {values[name]!r}, not one of {', '.join(choices)}")
    return CompressionSpec(**values)
