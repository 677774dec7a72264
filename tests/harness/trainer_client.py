"""A caller of the trainer for tests: as the gateway calls it, and with ways to wait for a job."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from argosy.api.common.v1.common_pb2 import PageRequest
from argosy.api.trainer.v1 import trainer_pb2 as pb
from argosy.api.trainer.v1.trainer_pb2_grpc import TuningServiceStub
from argosy.kit.rpc import calling

from tests.harness.registry_client import PROJECT
from tests.harness.trainer_fleet import Trainer

ORGANIZATION: Final = "argosy"
BASE: Final = "base-one"
ENDED: Final = {pb.JOB_STATUS_SUCCEEDED, pb.JOB_STATUS_FAILED, pb.JOB_STATUS_CANCELLED}


class Tuner:
    """Calls one trainer as the gateway does."""

    def __init__(self, trainer: Trainer, address: str = "") -> None:
        self._trainer = trainer
        self._channel = trainer.channel(address)
        self.stub = TuningServiceStub(self._channel)

    async def __aenter__(self) -> Tuner:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

    async def ready(self) -> None:
        """Wait for the connection: that to a process killed before may still be backing off."""
        await asyncio.wait_for(self._channel.channel_ready(), 20)

    async def create(
        self,
        training_file: str,
        *,
        project: str = PROJECT,
        model: str = BASE,
        timeout: float = 20,
        parameters: Mapping[str, Any] | None = None,
        tuning: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> pb.Job:
        """Create a job; `tuning` are further fields of the message of that name."""
        request = pb.CreateJobRequest(
            project_id=project,
            organization_slug=ORGANIZATION,
            key_id="key_test",
            model=model,
            training_file=training_file,
            tuning=tuning_message(parameters or {}, **(tuning or {})),
            **fields,
        )
        with calling("trainer"):
            return (await self.stub.CreateJob(request, timeout=timeout)).job

    async def get(self, job_id: str, *, project: str = PROJECT) -> pb.Job:
        request = pb.GetJobRequest(project_id=project, job_id=job_id)
        with calling("trainer"):
            return (await self.stub.GetJob(request, timeout=10)).job

    async def cancel(self, job_id: str, *, project: str = PROJECT) -> pb.Job:
        request = pb.CancelJobRequest(project_id=project, job_id=job_id)
        with calling("trainer"):
            return (await self.stub.CancelJob(request, timeout=30)).job

    async def pause(self, job_id: str) -> pb.Job:
        request = pb.PauseJobRequest(project_id=PROJECT, job_id=job_id)
        with calling("trainer"):
            return (await self.stub.PauseJob(request, timeout=30)).job

    async def resume(self, job_id: str) -> pb.Job:
        request = pb.ResumeJobRequest(project_id=PROJECT, job_id=job_id)
        with calling("trainer"):
            return (await self.stub.ResumeJob(request, timeout=30)).job

    async def jobs(
        self, *, project: str = PROJECT, metadata: Mapping[str, str] | None = None, **page: Any
    ) -> pb.ListJobsResponse:
        request = pb.ListJobsRequest(
            project_id=project, page=PageRequest(**page), metadata=metadata
        )
        with calling("trainer"):
            return await self.stub.ListJobs(request, timeout=10)

    async def events(self, job_id: str) -> list[pb.JobEvent]:
        """Return all events, oldest first."""
        page = PageRequest(ascending=True, limit=1000)
        request = pb.ListEventsRequest(project_id=PROJECT, job_id=job_id, page=page)
        with calling("trainer"):
            return list((await self.stub.ListEvents(request, timeout=10)).events)

    async def checkpoints(self, job_id: str) -> list[pb.Checkpoint]:
        """Return all checkpoints, oldest first."""
        page = PageRequest(ascending=True, limit=100)
        request = pb.ListCheckpointsRequest(project_id=PROJECT, job_id=job_id, page=page)
        with calling("trainer"):
            return list((await self.stub.ListCheckpoints(request, timeout=10)).checkpoints)

    async def series(self, job_id: str, *, after: int = 0) -> pb.GetSeriesResponse:
        request = pb.GetSeriesRequest(project_id=PROJECT, job_id=job_id, after_step=after)
        with calling("trainer"):
            return await self.stub.GetSeries(request, timeout=10)

    async def losses(self, job_id: str) -> dict[int, float]:
        """Return the training loss of each step; fail if a step was told twice."""
        told: dict[int, float] = {}
        for event in await self.events(job_id):
            data = json.loads(event.data_json or "{}")
            if "train_loss" in data:
                assert data["step"] not in told, f"step {data['step']} was told twice"
                told[data["step"]] = data["train_loss"]
        return told

    async def until(
        self, job_id: str, good: Callable[[pb.Job], bool], what: str, seconds: float = 30
    ) -> pb.Job:
        """Look at a job until it is as wanted. Fails at once if it ended otherwise."""
        job = pb.Job()

        async def look() -> bool:
            nonlocal job
            job = await self.get(job_id)
            if good(job):
                return True
            assert job.status not in ENDED, f"it ended before {what}: {job}"
            return False

        await eventually(look, what, seconds, log=self._trainer.log)
        return job

    async def step(self, job_id: str, step: int) -> pb.Job:
        """Wait until a job has completed `step` optimizer steps."""
        return await self.until(job_id, lambda job: job.completed_steps >= step, f"step {step}")

    async def ended(self, job_id: str, seconds: float = 30) -> pb.Job:
        return await self.until(job_id, lambda job: job.status in ENDED, "the end", seconds)

    async def succeeded(self, job_id: str, seconds: float = 30) -> pb.Job:
        job = await self.ended(job_id, seconds)
        assert job.status == pb.JOB_STATUS_SUCCEEDED, job
        return job

    async def failed(self, job_id: str) -> pb.Job:
        job = await self.ended(job_id)
        assert job.status == pb.JOB_STATUS_FAILED, job
        return job


def tuning_message(parameters: Mapping[str, Any], **fields: Any) -> pb.Tuning:
    """Return the message that the gateway would make of these."""
    message = pb.Tuning(**fields)
    for name, value in parameters.items():
        match value:
            case bool():
                message.parameters[name].flag = value
            case int():
                message.parameters[name].integer = value
            case float():
                message.parameters[name].number = value
            case str():
                message.parameters[name].text = value
            case _:
                message.parameters[name].texts.items.extend(value)
    return message


async def eventually(
    condition: Callable[[], Awaitable[bool]],
    what: str,
    seconds: float = 30,
    log: Path | None = None,
) -> None:
    """Ask until it is true; for what offers no event to wait for."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            tail = "" if log is None else _tail(log)
            raise AssertionError(f"{what} did not come true within {seconds:g} s\n{tail}")
        await asyncio.sleep(0.02)


def _tail(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-4000:]
