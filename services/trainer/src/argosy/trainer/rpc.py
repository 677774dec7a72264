"""TuningService: messages in, use cases, messages out. Translates; decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import grpc
from argosy.api.common.v1 import common_pb2
from argosy.api.trainer.v1 import trainer_pb2, trainer_pb2_grpc
from argosy.trainer.domain.parameters.table import Bounds
from argosy.trainer.domain.programs import Program
from argosy.trainer.domain.states import Verb
from argosy.trainer.rpc_help import (
    add_observation,
    advice_message,
    methods_message,
    preview_message,
    step_message,
)
from argosy.trainer.rpc_messages import checkpoint_message, event_message, job_message, to_asked
from argosy.trainer.usecases.control import ControlJob
from argosy.trainer.usecases.create import CreateJob, JobRequest
from argosy.trainer.usecases.preview import PreviewJob
from argosy.trainer.usecases.read import Page, ReadJobs

SERVICE: Final = "argosy.api.trainer.v1.TuningService"

Context = grpc.aio.ServicerContext[Any, Any]


class TuningService(trainer_pb2_grpc.TuningServiceServicer):
    """The servicer."""

    def __init__(
        self,
        create: CreateJob,
        preview: PreviewJob,
        control: ControlJob,
        read: ReadJobs,
        bounds: Bounds,
        programs: Mapping[str, Program],
    ) -> None:
        self._create = create
        self._preview = preview
        self._bounds = bounds
        self._programs = programs
        self._control = control
        self._read = read

    async def CreateJob(
        self, request: trainer_pb2.CreateJobRequest, context: Context
    ) -> trainer_pb2.CreateJobResponse:
        job = await self._create(_request(request))
        return trainer_pb2.CreateJobResponse(job=job_message(job))

    async def GetJob(
        self, request: trainer_pb2.GetJobRequest, context: Context
    ) -> trainer_pb2.GetJobResponse:
        job = await self._read.get(request.project_id, request.job_id)
        return trainer_pb2.GetJobResponse(job=job_message(job))

    async def ListJobs(
        self, request: trainer_pb2.ListJobsRequest, context: Context
    ) -> trainer_pb2.ListJobsResponse:
        found, more = await self._read.jobs(
            request.project_id, _page(request.page), dict(request.metadata)
        )
        return trainer_pb2.ListJobsResponse(jobs=map(job_message, found), has_more=more)

    async def CancelJob(
        self, request: trainer_pb2.CancelJobRequest, context: Context
    ) -> trainer_pb2.CancelJobResponse:
        job = await self._control(Verb.CANCEL, request.project_id, request.job_id)
        return trainer_pb2.CancelJobResponse(job=job_message(job))

    async def PauseJob(
        self, request: trainer_pb2.PauseJobRequest, context: Context
    ) -> trainer_pb2.PauseJobResponse:
        job = await self._control(Verb.PAUSE, request.project_id, request.job_id)
        return trainer_pb2.PauseJobResponse(job=job_message(job))

    async def ResumeJob(
        self, request: trainer_pb2.ResumeJobRequest, context: Context
    ) -> trainer_pb2.ResumeJobResponse:
        job = await self._control(Verb.RESUME, request.project_id, request.job_id)
        return trainer_pb2.ResumeJobResponse(job=job_message(job))

    async def ListEvents(
        self, request: trainer_pb2.ListEventsRequest, context: Context
    ) -> trainer_pb2.ListEventsResponse:
        found, more = await self._read.events(
            request.project_id, request.job_id, _page(request.page)
        )
        return trainer_pb2.ListEventsResponse(events=map(event_message, found), has_more=more)

    async def ListCheckpoints(
        self, request: trainer_pb2.ListCheckpointsRequest, context: Context
    ) -> trainer_pb2.ListCheckpointsResponse:
        found, more = await self._read.checkpoints(
            request.project_id, request.job_id, _page(request.page)
        )
        return trainer_pb2.ListCheckpointsResponse(
            checkpoints=map(checkpoint_message, found), has_more=more
        )

    async def PreviewJob(
        self, request: trainer_pb2.PreviewJobRequest, context: Context
    ) -> trainer_pb2.PreviewJobResponse:
        return preview_message(await self._preview(_request(request.job)))

    async def ListMethods(
        self, request: trainer_pb2.ListMethodsRequest, context: Context
    ) -> trainer_pb2.ListMethodsResponse:
        return methods_message(self._bounds, self._programs)

    async def AdviseMethod(
        self, request: trainer_pb2.AdviseMethodRequest, context: Context
    ) -> trainer_pb2.AdviseMethodResponse:
        return advice_message(request)

    async def GetSeries(
        self, request: trainer_pb2.GetSeriesRequest, context: Context
    ) -> trainer_pb2.GetSeriesResponse:
        series = await self._read.series(
            request.project_id, request.job_id, after=request.after_step
        )
        answer = trainer_pb2.GetSeriesResponse(
            job=job_message(series.job), steps=map(step_message, series.steps)
        )
        for seen in series.observations:
            add_observation(answer, seen)
        return answer


def _request(request: trainer_pb2.CreateJobRequest) -> JobRequest:
    return JobRequest(
        project_id=request.project_id,
        organization_slug=request.organization_slug,
        key_id=request.key_id,
        model=request.model,
        training_file=request.training_file,
        validation_file=request.validation_file,
        suffix=request.suffix,
        seed=request.seed if request.HasField("seed") else None,
        metadata=dict(request.metadata),
        asked=to_asked(request),
        idempotency_key=request.idempotency_key,
        fingerprint=request.fingerprint,
        retry=request.retry,
    )


def _page(message: common_pb2.PageRequest) -> Page:
    return Page(after=message.after, limit=message.limit, ascending=message.ascending)
