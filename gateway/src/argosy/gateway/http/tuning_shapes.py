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
# OpenAI's type of each of the trainer's methods that it has a place for, and its parameters there.
_OPENAI_TYPES: Final = {"sft": "supervised", "dpo": "dpo", "rlhf": "reinforcement"}
_OPENAI_PARAMETERS: Final = ("n_epochs", "batch_size", "learning_rate_multiplier")
_OPENAI_MORE: Final = {
    "dpo": {"beta": "beta"},
    "rlhf": {"compute_multiplier": "compute_multiplier", "eval_interval": "validate_every_steps"},
}
_RUN_STATES: Final[dict[int, str]] = {
    pb.JOB_STATUS_VALIDATING_FILES: "Waiting",
    pb.JOB_STATUS_QUEUED: "Waiting",
    pb.JOB_STATUS_RUNNING: "Running",
    pb.JOB_STATUS_PAUSED: "Stopped",
    pb.JOB_STATUS_SUCCEEDED: "Done",
    pb.JOB_STATUS_FAILED: "Failed",
    pb.JOB_STATUS_CANCELLED: "Stopped",
}
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
    tuning = job.planned if job.HasField("planned") else job.tuning
    values = {name: value_json(value) for name, value in tuning.parameters.items()}
    hyperparameters = {name: values.get(name, "auto") for name in _OPENAI_PARAMETERS}
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
        "method": _method(tuning, values, hyperparameters),
        "argosy": {
            **tuning_json(tuning),
            "run_state": _RUN_STATES[job.status],
            "base": job.base or job.model,
            "early_stop": {"step": job.early_stop.step, "best_step": job.early_stop.best_step}
            if job.HasField("early_stop")
            else None,
            "published_step": job.published_step if job.HasField("published_step") else None,
            "estimate": cost_json(job.estimate) if job.HasField("estimate") else None,
            "actual": cost_json(job.actual) if job.HasField("actual") else None,
            "total_steps": job.total_steps or None,
            "completed_steps": job.completed_steps,
        },
    }


def cost_json(cost: pb.Estimate) -> Json:
    """Return tokens, seconds of the device, and money; null is what nobody knows."""
    return {
        "tokens": cost.tokens if cost.HasField("tokens") else None,
        "seconds": cost.seconds if cost.HasField("seconds") else None,
        "cost_micros": cost.cost_micros if cost.HasField("cost_micros") else None,
        "currency": cost.currency or None,
    }


def tuning_json(tuning: pb.Tuning) -> Json:
    """Return what is under `argosy`, as it can be sent again: parameters flat beside the rest."""
    return {
        "method": tuning.method or "sft",
        "scale": tuning.scale or "lora",
        **{
            name: value_json(value)
            for name, value in sorted(tuning.parameters.items())
            if name not in _OPENAI_PARAMETERS
        },
        "data": [_source(source) for source in tuning.data],
        "reward_model": tuning.reward_model or None,
        "teacher": json.loads(tuning.teacher_json) if tuning.teacher_json else None,
        "program": json.loads(tuning.program_json) if tuning.program_json else None,
        "schedule": tuning.schedule or "now",
        "priority": tuning.priority,
    }


def value_json(value: pb.ParameterValue) -> Any:
    """Return a parameter's value."""
    match value.WhichOneof("value"):
        case "texts":
            return list(value.texts.items)
        case None:
            return None
        case field:
            return getattr(value, field)


def _source(source: pb.DataSource) -> Json:
    amounts = {
        name: getattr(source, name)
        for name in ("rate", "ratio", "percent")
        if source.HasField(name)
    }
    return {
        "source": source.source,
        **amounts,
        "why": source.why or "asked",
        "records": source.records or None,
    }


def _method(tuning: pb.Tuning, values: Json, hyperparameters: Json) -> Json | None:
    """Return OpenAI's `method`; null for a method that it has no type for."""
    method = tuning.method or "sft"
    kind = _OPENAI_TYPES.get(method)
    if kind is None:
        return None
    more = {
        public: values.get(name, "auto") for public, name in _OPENAI_MORE.get(method, {}).items()
    }
    detail: Json = {"hyperparameters": {**hyperparameters, **more}}
    if kind == "reinforcement":
        if not tuning.grader_json:
            # A reward model judges, for which OpenAI has no slot.
            return None
        detail["grader"] = json.loads(tuning.grader_json)
        detail["response_format"] = (
            json.loads(tuning.response_format_json) if tuning.response_format_json else None
        )
    return {"type": kind, kind: detail}


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


def _error(job: pb.Job) -> Json | None:
    if not job.HasField("error"):
        return None
    return {
        "code": job.error.code or "internal_error",
        "message": job.error.message,
        "param": job.error.param or None,
    }
