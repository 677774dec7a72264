"""TuningService: messages in, use cases, messages out. Translates; decides nothing."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

import grpc
from argosy.api.common.v1 import common_pb2
from argosy.api.trainer.v1 import trainer_pb2, trainer_pb2_grpc
from argosy.trainer.domain.job import Checkpoint, Job, JobEvent
from argosy.trainer.domain.plan import Parameters, Plan
from argosy.trainer.domain.states import State, Verb
from argosy.trainer.usecases.control import ControlJob
from argosy.trainer.usecases.create import CreateJob, JobRequest
from argosy.trainer.usecases.read import Page, ReadJobs
from google.protobuf.timestamp_pb2 import Timestamp

SERVICE: Final = "argosy.api.trainer.v1.TuningService"

_STATUS: Final = {
    State.VALIDATING_FILES: trainer_pb2.JOB_STATUS_VALIDATING_FILES,
    State.QUEUED: trainer_pb2.JOB_STATUS_QUEUED,
    State.RUNNING: trainer_pb2.JOB_STATUS_RUNNING,
    State.FINALIZING: trainer_pb2.JOB_STATUS_RUNNING,
    State.PAUSED: trainer_pb2.JOB_STATUS_PAUSED,
    State.SUCCEEDED: trainer_pb2.JOB_STATUS_SUCCEEDED,
    State.FAILED: trainer_pb2.JOB_STATUS_FAILED,
    State.CANCELLED: trainer_pb2.JOB_STATUS_CANCELLED,
}

Context = grpc.aio.ServicerContext[Any, Any]


class TuningService(trainer_pb2_grpc.TuningServiceServicer):
    """The servicer."""

    def __init__(self, create: CreateJob, control: ControlJob, read: ReadJobs) -> None:
        self._create = create
        self._control = control
        self._read = read

    async def CreateJob(
        self, request: trainer_pb2.CreateJobRequest, context: Context
    ) -> trainer_pb2.CreateJobResponse:
        job = await self._create(
            JobRequest(
                project_id=request.project_id,
                organization_slug=request.organization_slug,
                key_id=request.key_id,
                model=request.model,
                training_file=request.training_file,
                validation_file=request.validation_file,
                suffix=request.suffix,
                seed=request.seed if request.HasField("seed") else None,
                metadata=dict(request.metadata),
                parameters=_parameters(request.parameters),
                idempotency_key=request.idempotency_key,
                fingerprint=request.fingerprint,
                retry=request.retry,
            )
        )
        return trainer_pb2.CreateJobResponse(job=to_message(job))

    async def GetJob(
        self, request: trainer_pb2.GetJobRequest, context: Context
    ) -> trainer_pb2.GetJobResponse:
        job = await self._read.get(request.project_id, request.job_id)
        return trainer_pb2.GetJobResponse(job=to_message(job))

    async def ListJobs(
        self, request: trainer_pb2.ListJobsRequest, context: Context
    ) -> trainer_pb2.ListJobsResponse:
        found, more = await self._read.jobs(
            request.project_id, _page(request.page), dict(request.metadata)
        )
        return trainer_pb2.ListJobsResponse(jobs=map(to_message, found), has_more=more)

    async def CancelJob(
        self, request: trainer_pb2.CancelJobRequest, context: Context
    ) -> trainer_pb2.CancelJobResponse:
        job = await self._control(Verb.CANCEL, request.project_id, request.job_id)
        return trainer_pb2.CancelJobResponse(job=to_message(job))

    async def PauseJob(
        self, request: trainer_pb2.PauseJobRequest, context: Context
    ) -> trainer_pb2.PauseJobResponse:
        job = await self._control(Verb.PAUSE, request.project_id, request.job_id)
        return trainer_pb2.PauseJobResponse(job=to_message(job))

    async def ResumeJob(
        self, request: trainer_pb2.ResumeJobRequest, context: Context
    ) -> trainer_pb2.ResumeJobResponse:
        job = await self._control(Verb.RESUME, request.project_id, request.job_id)
        return trainer_pb2.ResumeJobResponse(job=to_message(job))

    async def ListEvents(
        self, request: trainer_pb2.ListEventsRequest, context: Context
    ) -> trainer_pb2.ListEventsResponse:
        found, more = await self._read.events(
            request.project_id, request.job_id, _page(request.page)
        )
        return trainer_pb2.ListEventsResponse(events=map(_event, found), has_more=more)

    async def ListCheckpoints(
        self, request: trainer_pb2.ListCheckpointsRequest, context: Context
    ) -> trainer_pb2.ListCheckpointsResponse:
        found, more = await self._read.checkpoints(
            request.project_id, request.job_id, _page(request.page)
        )
        return trainer_pb2.ListCheckpointsResponse(
            checkpoints=map(_checkpoint, found), has_more=more
        )


def to_message(job: Job) -> trainer_pb2.Job:
    """Return a job as the contract has it."""
    return trainer_pb2.Job(
        id=job.id,
        project_id=job.project_id,
        organization_slug=job.organization_slug,
        created_at=_time(job.created_at),
        finished_at=_time(job.finished_at),
        estimated_finish=_time(job.estimated_finish),
        status=_STATUS[job.state],
        model=job.model,
        fine_tuned_model=job.tuned_model if job.state is State.SUCCEEDED else "",
        training_file=job.training_file,
        validation_file=job.validation_file,
        result_files=[job.result_file] if job.state is State.SUCCEEDED else [],
        suffix=job.suffix,
        seed=job.seed,
        trained_tokens=job.trained_tokens,
        metadata=job.metadata,
        parameters=_asked(job.asked),
        plan=None if job.plan is None else _asked(job.plan),
        error=None
        if job.error is None
        else common_pb2.ApiError(
            code=job.error.code, message=job.error.message, param=job.error.param
        ),
        total_steps=job.total_steps,
        completed_steps=job.completed_steps,
    )


def _parameters(message: trainer_pb2.SupervisedParameters) -> Parameters:
    given = {descriptor.name: value for descriptor, value in message.ListFields()}
    return Parameters(**given)


def _asked(parameters: Parameters | Plan) -> trainer_pb2.SupervisedParameters:
    given = {field.name: getattr(parameters, field.name) for field in fields(parameters)}
    return trainer_pb2.SupervisedParameters(**given)


def _page(message: common_pb2.PageRequest) -> Page:
    return Page(after=message.after, limit=message.limit, ascending=message.ascending)


def _event(event: JobEvent) -> trainer_pb2.JobEvent:
    return trainer_pb2.JobEvent(
        id=event.id,
        created_at=_time(event.created_at),
        level=event.level,
        message=event.message,
        type=event.type,
        data_json="" if event.data is None else json.dumps(event.data),
    )


def _checkpoint(checkpoint: Checkpoint) -> trainer_pb2.Checkpoint:
    return trainer_pb2.Checkpoint(
        id=checkpoint.id,
        created_at=_time(checkpoint.created_at),
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


def _time(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
