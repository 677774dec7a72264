"""What the trainer's contract says, as the domain has it, and back. Translates; decides nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from argosy.api.common.v1 import common_pb2
from argosy.api.trainer.v1 import trainer_pb2 as pb
from argosy.trainer.domain.asked import NOW, Asked, Source
from argosy.trainer.domain.cost import Cost
from argosy.trainer.domain.job import Checkpoint, Job, JobEvent
from argosy.trainer.domain.parameters.parameter import Value
from argosy.trainer.domain.plan import Plan
from argosy.trainer.domain.states import State
from google.protobuf.timestamp_pb2 import Timestamp

_STATUS: Final = {
    State.VALIDATING_FILES: pb.JOB_STATUS_VALIDATING_FILES,
    State.QUEUED: pb.JOB_STATUS_QUEUED,
    State.RUNNING: pb.JOB_STATUS_RUNNING,
    State.FINALIZING: pb.JOB_STATUS_RUNNING,
    State.PAUSED: pb.JOB_STATUS_PAUSED,
    State.SUCCEEDED: pb.JOB_STATUS_SUCCEEDED,
    State.FAILED: pb.JOB_STATUS_FAILED,
    State.CANCELLED: pb.JOB_STATUS_CANCELLED,
}
_OLD_PARAMETERS: Final = tuple(field.name for field in pb.SupervisedParameters.DESCRIPTOR.fields)


def to_asked(request: pb.CreateJobRequest) -> Asked:
    """Read what was asked for, from the general message or the older one."""
    if not request.HasField("tuning"):
        given = {field.name: value for field, value in request.parameters.ListFields()}
        return Asked(scale="", parameters=given)
    tuning = request.tuning
    return Asked(
        method=tuning.method,
        scale=tuning.scale,
        parameters={name: _value(value) for name, value in tuning.parameters.items()},
        data=tuple(map(_source, tuning.data)),
        only_this_data=tuning.only_this_data,
        grader=_object(tuning.grader_json),
        reward_model=tuning.reward_model,
        teacher=_object(tuning.teacher_json),
        response_format=_object(tuning.response_format_json),
        program=_object(tuning.program_json),
        schedule=tuning.schedule or NOW,
        priority=tuning.priority,
    )


def job_message(job: Job) -> pb.Job:
    """Return a job as the contract has it."""
    done = job.state is State.SUCCEEDED
    message = pb.Job(
        id=job.id,
        project_id=job.project_id,
        organization_slug=job.organization_slug,
        created_at=time_message(job.created_at),
        finished_at=time_message(job.finished_at),
        estimated_finish=time_message(job.estimated_finish),
        status=_STATUS[job.state],
        model=job.model,
        base=job.base,
        fine_tuned_model=job.tuned_model if done else "",
        makes=job.tuned_model,
        training_file=job.training_file,
        validation_file=job.validation_file,
        result_files=[job.result_file] if done else [],
        suffix=job.suffix,
        seed=job.seed,
        trained_tokens=job.trained_tokens,
        metadata=job.metadata,
        parameters=_older(job.asked.parameters),
        plan=None if job.plan is None else _older(job.plan.values),
        tuning=tuning_message(job.asked),
        planned=None if job.plan is None else planned_message(job.asked, job.plan),
        error=None
        if job.error is None
        else common_pb2.ApiError(
            code=job.error.code, message=job.error.message, param=job.error.param
        ),
        total_steps=job.total_steps,
        completed_steps=job.completed_steps,
        published_step=job.final_step if done else None,
        data_hashes=job.plan.hashes if job.plan else {},
        code_version=job.plan.code_version if job.plan else "",
        estimate=None if job.estimate is None else cost_message(job.estimate),
        actual=None if job.actual is None else cost_message(job.actual),
    )
    if job.early_stop is not None:
        message.early_stop.step = job.early_stop.step
        message.early_stop.best_step = job.early_stop.best_step
    return message


def cost_message(cost: Cost) -> pb.Estimate:
    return pb.Estimate(
        tokens=cost.tokens,
        seconds=cost.seconds,
        cost_micros=cost.micros,
        currency=cost.currency,
        memory_bytes=cost.memory_bytes,
        micro_batch_size=cost.micro_batch,
        accumulation_steps=cost.accumulation,
    )


def tuning_message(asked: Asked) -> pb.Tuning:
    return pb.Tuning(
        method=asked.method,
        scale=asked.scale,
        parameters=_values(asked.parameters),
        data=map(_source_message, asked.data),
        only_this_data=asked.only_this_data,
        grader_json=_json(asked.grader),
        reward_model=asked.reward_model,
        teacher_json=_json(asked.teacher),
        response_format_json=_json(asked.response_format),
        program_json=_json(asked.program),
        schedule=asked.schedule,
        priority=asked.priority,
    )


def planned_message(asked: Asked, plan: Plan) -> pb.Tuning:
    message = tuning_message(asked)
    message.ClearField("parameters")
    message.ClearField("data")
    for name, value in plan.values.items():
        message.parameters[name].CopyFrom(value_message(value))
    message.data.extend(map(_source_message, plan.sources))
    return message


def value_message(value: Value) -> pb.ParameterValue:
    match value:
        case bool():
            return pb.ParameterValue(flag=value)
        case int():
            return pb.ParameterValue(integer=value)
        case float():
            return pb.ParameterValue(number=value)
        case str():
            return pb.ParameterValue(text=value)
        case _:
            return pb.ParameterValue(texts=pb.Texts(items=value))


def event_message(event: JobEvent) -> pb.JobEvent:
    return pb.JobEvent(
        id=event.id,
        created_at=time_message(event.created_at),
        level=event.level,
        message=event.message,
        type=event.type,
        data_json="" if event.data is None else json.dumps(event.data),
    )


def checkpoint_message(checkpoint: Checkpoint) -> pb.Checkpoint:
    return pb.Checkpoint(
        id=checkpoint.id,
        created_at=time_message(checkpoint.created_at),
        job_id=checkpoint.job_id,
        model_id=checkpoint.model_id,
        step=checkpoint.step,
        train_loss=checkpoint.train_loss,
        train_mean_token_accuracy=checkpoint.train_mean_token_accuracy,
        valid_loss=checkpoint.valid_loss,
        valid_mean_token_accuracy=checkpoint.valid_mean_token_accuracy,
        # Validation always goes over the whole validation file.
        full_valid_loss=checkpoint.valid_loss,
        full_valid_mean_token_accuracy=checkpoint.valid_mean_token_accuracy,
    )


def time_message(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def _value(message: pb.ParameterValue) -> Value:
    match message.WhichOneof("value"):
        case "integer":
            return message.integer
        case "number":
            return message.number
        case "flag":
            return message.flag
        case "texts":
            return tuple(message.texts.items)
        case _:
            return message.text


def _values(parameters: Mapping[str, Any]) -> dict[str, pb.ParameterValue]:
    return {
        name: value_message(tuple(value) if isinstance(value, list) else value)
        for name, value in parameters.items()
    }


def _source(message: pb.DataSource) -> Source:
    return Source(
        message.source,
        rate=message.rate if message.HasField("rate") else None,
        ratio=message.ratio if message.HasField("ratio") else None,
        percent=message.percent if message.HasField("percent") else None,
    )


def _source_message(source: Source) -> pb.DataSource:
    return pb.DataSource(
        source=source.source,
        rate=source.rate,
        ratio=source.ratio,
        percent=source.percent,
        why=source.why,
        records=source.records,
    )


def _older(parameters: Mapping[str, Any]) -> pb.SupervisedParameters:
    return pb.SupervisedParameters(
        **{name: parameters[name] for name in _OLD_PARAMETERS if name in parameters}
    )


def _object(text: str) -> dict[str, Any] | None:
    """The gateway has read it as a JSON object before."""
    return dict(json.loads(text)) if text else None


def _json(value: Mapping[str, Any] | None) -> str:
    return "" if value is None else json.dumps(value)
