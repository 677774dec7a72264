"""The services behind the gateway as small gRPC servicers that tests steer, all in memory."""

from __future__ import annotations

import asyncio
import math
import struct
from typing import Any

import grpc
from argosy.api.embedder.v1 import embedder_pb2, embedder_pb2_grpc
from argosy.api.registry.v1 import registry_pb2, registry_pb2_grpc
from argosy.api.trainer.v1 import trainer_pb2, trainer_pb2_grpc
from argosy.kit.errors import ApiError, NotFound

# Whose jobs they are.
PROJECT = "proj_a"


class FakeFiles(registry_pb2_grpc.FileServiceServicer):
    """Keeps files in memory. `refuse` makes the next content with that text fail."""

    def __init__(self) -> None:
        self.files: dict[str, registry_pb2.File] = {}
        self.contents: dict[str, bytes] = {}
        self.largest_chunk = 0
        self.unfinished = 0
        self.refuse: tuple[bytes, ApiError] | None = None

    async def CreateFile(self, request_iterator: Any, context: Any) -> Any:
        content = bytearray()
        header = registry_pb2.FileHeader()
        self.unfinished += 1
        async for part in request_iterator:
            if part.WhichOneof("part") == "header":
                header = part.header
                continue
            self.largest_chunk = max(self.largest_chunk, len(part.chunk))
            content += part.chunk
            if self.refuse and self.refuse[0] in content:
                raise self.refuse[1]
        # An aborted stream looks complete to gRPC's iterator; the abort comes with the next await,
        # which in the registry is the disk's and the database's.
        await asyncio.sleep(0.05)
        self.unfinished -= 1
        file = registry_pb2.File(
            id=f"file-{len(self.files) + 1}",
            project_id=header.project_id,
            filename=header.filename,
            purpose=header.purpose,
            bytes=len(content),
            status="processed",
        )
        file.created_at.FromSeconds(1_700_000_000)
        if header.expires_after_seconds:
            file.expires_at.FromSeconds(1_700_000_000 + header.expires_after_seconds)
        self.files[file.id] = file
        self.contents[file.id] = bytes(content)
        return registry_pb2.CreateFileResponse(file=file)

    def _find(self, request: Any) -> registry_pb2.File:
        file = self.files.get(request.file_id)
        if file is None or file.project_id != request.project_id:
            raise NotFound("No such File object.", param="id")
        return file

    async def GetFile(self, request: Any, context: Any) -> Any:
        return registry_pb2.GetFileResponse(file=self._find(request))

    async def ListFiles(self, request: Any, context: Any) -> Any:
        self.listed = request
        files = [f for f in self.files.values() if request.purpose in {"", f.purpose}]
        files.sort(key=lambda f: f.id, reverse=not request.page.ascending)
        after = [f.id for f in files].index(request.page.after) + 1 if request.page.after else 0
        end = after + (request.page.limit or 10_000)
        return registry_pb2.ListFilesResponse(files=files[after:end], has_more=end < len(files))

    async def DeleteFile(self, request: Any, context: Any) -> Any:
        del self.files[self._find(request).id]
        return registry_pb2.DeleteFileResponse()

    async def ReadFile(self, request: Any, context: Any) -> Any:
        content = self.contents[self._find(request).id]
        for start in range(0, len(content), 100_000):
            yield registry_pb2.ReadFileResponse(chunk=content[start : start + 100_000])


class FakeCatalog(registry_pb2_grpc.CatalogServiceServicer):
    """Answers unary calls. `Watch` is tested apart."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    async def Watch(self, request: Any, context: Any) -> Any:
        yield registry_pb2.WatchResponse(synced=True)

    async def GetModel(self, request: Any, context: Any) -> Any:
        raise NotFound("No such model.", param="model")

    async def DeleteModel(self, request: Any, context: Any) -> Any:
        self.deleted.append(request.model_id)
        return registry_pb2.DeleteModelResponse()

    async def PublishAdapter(self, request_iterator: Any, context: Any) -> Any:
        raise NotImplementedError


class FakeTuning(trainer_pb2_grpc.TuningServiceServicer):
    """Holds one job, remembers each request."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.fail: ApiError | None = None
        self.job = trainer_pb2.Job(
            id="ftjob-1",
            project_id=PROJECT,
            status=trainer_pb2.JOB_STATUS_QUEUED,
            model="smollm2-135m-instruct",
            training_file="file-1",
            seed=7,
            organization_slug="argosy",
        )
        self.job.created_at.FromSeconds(1_700_000_000)
        self.events: list[trainer_pb2.JobEvent] = []
        self.checkpoints: list[trainer_pb2.Checkpoint] = []

    def _note(self, request: Any) -> trainer_pb2.Job:
        self.requests.append(request)
        if self.fail:
            raise self.fail
        return self.job

    async def CreateJob(self, request: Any, context: Any) -> Any:
        return trainer_pb2.CreateJobResponse(job=self._note(request))

    async def GetJob(self, request: Any, context: Any) -> Any:
        return trainer_pb2.GetJobResponse(job=self._note(request))

    async def ListJobs(self, request: Any, context: Any) -> Any:
        return trainer_pb2.ListJobsResponse(jobs=[self._note(request)], has_more=False)

    async def CancelJob(self, request: Any, context: Any) -> Any:
        return trainer_pb2.CancelJobResponse(job=self._note(request))

    async def PauseJob(self, request: Any, context: Any) -> Any:
        self.job.status = trainer_pb2.JOB_STATUS_PAUSED
        return trainer_pb2.PauseJobResponse(job=self._note(request))

    async def ResumeJob(self, request: Any, context: Any) -> Any:
        self.job.status = trainer_pb2.JOB_STATUS_QUEUED
        return trainer_pb2.ResumeJobResponse(job=self._note(request))

    async def ListEvents(self, request: Any, context: Any) -> Any:
        self._note(request)
        return trainer_pb2.ListEventsResponse(events=self.events, has_more=True)

    async def ListCheckpoints(self, request: Any, context: Any) -> Any:
        self._note(request)
        return trainer_pb2.ListCheckpointsResponse(checkpoints=self.checkpoints)


class FakeEmbedding(embedder_pb2_grpc.EmbeddingServiceServicer):
    """Gives text number i the vector (i, 0.1, …) of the asked length; is away for `away`."""

    async def Embed(self, request: Any, context: Any) -> Any:
        if "away" in request.input:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        length = request.dimensions if request.HasField("dimensions") else 4
        vectors = [
            struct.pack(f"<{length}f", float(index), *([0.1] * (length - 1)))
            for index in range(len(request.input))
        ]
        tokens = sum(math.ceil(len(text) / 4) for text in request.input)
        return embedder_pb2.EmbedResponse(embeddings=vectors, prompt_tokens=tokens)
