"""Tuning jobs, events and checkpoints as OpenAI shows them.

Translates the trainer's messages into JSON. Knows no HTTP and calls nobody.
"""

from __future__ import annotations

import json
from typing import Any, Final

from argosy.api.trainer.v1 import trainer_pb2 as pb

Json = dict[str, Any]

_STATUS: Final[dict[int, str]] = {
    pb.JOB_STATUS_VALIDATING_FILES: "validating_files",
    pb.JOB_STATUS_QUEUED: "queued",
    pb.JOB_STATUS_RUNNING: "running",
    # Not in the SDK's literals, though the SDK has `pause` and `resume`.
    pb.JOB_STATUS_PAUSED: "paused",
    pb.JOB_STATUS_SUCCEEDED: "succeeded",
    pb.JOB_STATUS_FAILED: "failed",
    pb.JOB_STATUS_CANCELLED: "cancelled",
}
_OPENAI_PARAMETERS: Final = ("n_epochs", "batch_size", "learning_rate_multiplier")
_ARGOSY_PARAMETERS: Final = (
    "lora_rank",
    "learning_rate",
    "max_seq_length",
    "checkpoint_every_steps",
    "max_steps",
)
_METRICS: Final = (
    "train_loss",
    "train_mean_token_accuracy",
    "valid_loss",
    "valid_mean_token_accuracy",
    "full_valid_loss",
    "full_valid_mean_token_accuracy",
)


def job_json(job: pb.Job) -> Json:
    """Return OpenAI's `fine_tuning.job`; what OpenAI has no slot for is under `argosy`."""
    chosen = _chosen(job)
    hyperparameters = {name: chosen.get(name, "auto") for name in _OPENAI_PARAMETERS}
    return {
        "object": "fine_tuning.job",
        "id": job.id,
        "model": job.model,
        "created_at": job.created_at.seconds,
        "finished_at": job.finished_at.seconds if job.HasField("finished_at") else None,
        "fine_tuned_model": job.fine_tuned_model or None,
        "organization_id": f"org-{job.organization_slug}",
        "result_files": list(job.result_files),
        "status": _STATUS[job.status],
        "validation_file": job.validation_file or None,
        "training_file": job.training_file,
        "hyperparameters": hyperparameters,
        "trained_tokens": job.trained_tokens if job.HasField("trained_tokens") else None,
        "error": _error(job),
        "user_provided_suffix": job.suffix or None,
        "seed": job.seed,
        "estimated_finish": job.estimated_finish.seconds
        if job.HasField("estimated_finish")
        else None,
        "integrations": [],
        "metadata": dict(job.metadata) or None,
        "method": {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}},
        "argosy": {
            **{name: chosen.get(name) for name in _ARGOSY_PARAMETERS},
            "total_steps": job.total_steps or None,
            "completed_steps": job.completed_steps,
        },
    }


def event_json(event: pb.JobEvent) -> Json:
    """Return OpenAI's `fine_tuning.job.event`."""
    return {
        "object": "fine_tuning.job.event",
        "id": event.id,
        "created_at": event.created_at.seconds,
        "level": event.level,
        "message": event.message,
        "data": json.loads(event.data_json) if event.data_json else {},
        "type": event.type or "message",
    }


def checkpoint_json(checkpoint: pb.Checkpoint) -> Json:
    """Return OpenAI's `fine_tuning.job.checkpoint`; metrics that were not measured are absent."""
    metrics: Json = {"step": checkpoint.step}
    for name in _METRICS:
        if checkpoint.HasField(name):
            metrics[name] = getattr(checkpoint, name)
    return {
        "object": "fine_tuning.job.checkpoint",
        "id": checkpoint.id,
        "created_at": checkpoint.created_at.seconds,
        "fine_tuned_model_checkpoint": checkpoint.model_id,
        "fine_tuning_job_id": checkpoint.job_id,
        "metrics": metrics,
        "step_number": checkpoint.step,
    }


def _chosen(job: pb.Job) -> dict[str, int | float]:
    """Return the parameters as planned, before that as asked; one that is "auto" is absent."""
    source = job.plan if job.HasField("plan") else job.parameters
    return {field.name: value for field, value in source.ListFields()}


def _error(job: pb.Job) -> Json | None:
    if not job.HasField("error"):
        return None
    return {
        "code": job.error.code or "internal_error",
        "message": job.error.message,
        "param": job.error.param or None,
    }
