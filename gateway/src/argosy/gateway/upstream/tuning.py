"""Tuning jobs, at the trainer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import grpc
from argosy.api.common.v1.common_pb2 import PageRequest
from argosy.api.trainer.v1 import trainer_pb2 as pb
from argosy.api.trainer.v1.trainer_pb2_grpc import TuningServiceStub
from argosy.kit.rpc import calling

_SERVICE: Final = "trainer"
_TIMEOUT: Final = 10.0
# Records that nobody measured before are measured on the way.
_MEASURING_TIMEOUT: Final = 60.0


class TuningClient:
    """Calls of `TuningService` on behalf of a project."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = TuningServiceStub(channel)

    async def create(self, request: pb.CreateJobRequest) -> pb.Job:
        with calling(_SERVICE):
            return (await self._stub.CreateJob(request, timeout=_MEASURING_TIMEOUT)).job

    async def preview(self, request: pb.CreateJobRequest) -> pb.PreviewJobResponse:
        with calling(_SERVICE):
            return await self._stub.PreviewJob(
                pb.PreviewJobRequest(job=request), timeout=_MEASURING_TIMEOUT
            )

    async def methods(self) -> pb.ListMethodsResponse:
        with calling(_SERVICE):
            return await self._stub.ListMethods(pb.ListMethodsRequest(), timeout=_TIMEOUT)

    async def advise(self, request: pb.AdviseMethodRequest) -> pb.AdviseMethodResponse:
        with calling(_SERVICE):
            return await self._stub.AdviseMethod(request, timeout=_TIMEOUT)

    async def get(self, project_id: str, job_id: str) -> pb.Job:
        request = pb.GetJobRequest(project_id=project_id, job_id=job_id)
        with calling(_SERVICE):
            return (await self._stub.GetJob(request, timeout=_TIMEOUT)).job

    async def list(
        self, project_id: str, page: PageRequest, metadata: Mapping[str, str]
    ) -> pb.ListJobsResponse:
        """Return the project's jobs that carry all of `metadata`."""
        request = pb.ListJobsRequest(project_id=project_id, page=page, metadata=metadata)
        with calling(_SERVICE):
            return await self._stub.ListJobs(request, timeout=_TIMEOUT)

    async def cancel(self, project_id: str, job_id: str) -> pb.Job:
        request = pb.CancelJobRequest(project_id=project_id, job_id=job_id)
        with calling(_SERVICE):
            return (await self._stub.CancelJob(request, timeout=_TIMEOUT)).job

    async def pause(self, project_id: str, job_id: str) -> pb.Job:
        request = pb.PauseJobRequest(project_id=project_id, job_id=job_id)
        with calling(_SERVICE):
            return (await self._stub.PauseJob(request, timeout=_TIMEOUT)).job

    async def resume(self, project_id: str, job_id: str) -> pb.Job:
        request = pb.ResumeJobRequest(project_id=project_id, job_id=job_id)
        with calling(_SERVICE):
            return (await self._stub.ResumeJob(request, timeout=_TIMEOUT)).job

    async def events(
        self, project_id: str, job_id: str, page: PageRequest
    ) -> pb.ListEventsResponse:
        request = pb.ListEventsRequest(project_id=project_id, job_id=job_id, page=page)
        with calling(_SERVICE):
            return await self._stub.ListEvents(request, timeout=_TIMEOUT)

    async def checkpoints(
        self, project_id: str, job_id: str, page: PageRequest
    ) -> pb.ListCheckpointsResponse:
        request = pb.ListCheckpointsRequest(project_id=project_id, job_id=job_id, page=page)
        with calling(_SERVICE):
            return await self._stub.ListCheckpoints(request, timeout=_TIMEOUT)
