"""What the child is told: `spec.json` of a run, from its plan and the files that lie ready.

Knows the names that `worker/spec.py` reads. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from argosy.api.records import COMPRESSION, CUSTOM, DISTILLATION, KTO, RLHF, SFT
from argosy.trainer.domain.job import Job
from argosy.trainer.domain.parameters.parameter import Value
from argosy.trainer.domain.plan import Plan
from argosy.trainer.worker.graders.gateway import KEY, URL, Gateway

# Parameters that the child knows by the same name.
_PLAIN: Final = (
    "n_epochs", "batch_size", "learning_rate", "max_seq_length", "checkpoint_every_steps",
    "lora_rank", "lora_alpha", "lora_dropout", "target_modules", "virtual_tokens", "weight_decay",
    "packing", "gradient_checkpointing", "validate_every_steps", "early_stop_patience",
    "beta", "nll_coefficient", "generations", "max_completion_tokens", "temperature",
    "kl_coefficient",
)  # fmt: skip


_COMPRESSING: Final = (
    "scheme", "rounding", "group_size", "calibration_records", "measured_answers",
    "max_seq_length",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Inputs:
    """Files and folders on this machine. `sources` are (path, rate), the training file first."""

    weights_path: str
    data_kind: str
    sources: tuple[tuple[Path, float], ...]
    validation: Path | None = None
    base_adapter: Path | None = None
    reward_model: Path | None = None
    reward_weights: Path | None = None
    # For the child's environment, not for its spec: it holds a key.
    gateway: Gateway | None = None


def build_spec(
    job: Job, inputs: Inputs, resume_from: Path | None, processes: int
) -> dict[str, object]:
    """Return the spec as JSON. Raises ValueError for a job that was not planned."""
    plan = job.plan
    if plan is None:
        raise ValueError("a job that was not planned cannot run")
    if plan.method == COMPRESSION:
        return _compression(job, plan, inputs, resume_from)
    training, _ = inputs.sources[0]
    return {
        "job_id": job.id,
        # The teacher has answered: the rest is supervised.
        "method": SFT if plan.method == DISTILLATION else plan.method,
        "scale": plan.scale,
        "data_kind": inputs.data_kind,
        "weights_path": inputs.weights_path,
        "base_adapter_path": _text(inputs.base_adapter),
        "training_file": str(training),
        "sources": _sources(inputs),
        "validation_file": _text(inputs.validation),
        "seed": job.seed,
        **{name: plan.values[name] for name in _PLAIN if name in plan.values},
        **_schedule(plan.values),
        "max_steps": job.asked.parameters.get("max_steps"),
        "grader": job.asked.grader,
        "reward_model_path": _text(inputs.reward_model),
        "reward_weights_path": _text(inputs.reward_weights),
        **({"program": job.asked.program} if plan.method == CUSTOM else {}),
        "resume_from": _text(resume_from),
        # The step of these takes all its answers together: they know one process.
        "processes": 1 if plan.method in (KTO, RLHF) else processes,
    }


def _compression(
    job: Job, plan: Plan, inputs: Inputs, resume_from: Path | None
) -> dict[str, object]:
    """What the child that compresses is told (`worker/compression/spec.py`)."""
    return {
        "job_id": job.id,
        "method": plan.method,
        "data_kind": inputs.data_kind,
        "weights_path": inputs.weights_path,
        "base_adapter_path": _text(inputs.base_adapter),
        "sources": _sources(inputs),
        "validation_file": _text(inputs.validation),
        "seed": job.seed,
        **{name: plan.values[name] for name in _COMPRESSING if name in plan.values},
        "resume_from": _text(resume_from),
    }


def _sources(inputs: Inputs) -> list[dict[str, object]]:
    return [{"path": str(path), "rate": rate} for path, rate in inputs.sources]


def environment(inputs: Inputs) -> dict[str, str]:
    """Return what the child is told besides the spec: secrets, which no file may hold."""
    if inputs.gateway is None:
        return {}
    return {URL: inputs.gateway.url, KEY: inputs.gateway.key}


def _schedule(values: Mapping[str, Value]) -> dict[str, Any]:
    """The child knows three schedules, each after a warm-up; the others are one of them."""
    match values.get("lr_scheduler"):
        case "constant":
            return {"lr_scheduler": "constant", "warmup_ratio": 0.0}
        case "constant_with_warmup":
            name = "constant"
        case "polynomial":
            # Of the first power, as transformers has it by default.
            name = "linear"
        case other:
            name = str(other or "cosine")
    return {"lr_scheduler": name, "warmup_ratio": values.get("warmup_ratio")}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def keeps_best(plan: Plan) -> bool:
    """Tell whether the best checkpoint, and not the last, becomes the model."""
    return plan.values.get("publish") == "best"
