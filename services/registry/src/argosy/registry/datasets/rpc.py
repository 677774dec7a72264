"""`DatasetService`: data sets, their versions, and tasks. Records are `rpc_records`' to serve."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from argosy.api.registry.v1 import datasets_pb2 as pb
from argosy.registry.datasets import translate as to
from argosy.registry.datasets.rpc_records import RecordCalls
from argosy.registry.datasets.usecases.records import Records
from argosy.registry.datasets.usecases.sets import Datasets
from argosy.registry.datasets.usecases.tasks import Tasks
from argosy.registry.datasets.usecases.versions import Versions
from argosy.registry.rpc.edge import edge


class DatasetServicer(RecordCalls):
    """Translates between `DatasetService` and the use cases."""

    def __init__(
        self, datasets: Datasets, versions: Versions, records: Records, tasks: Tasks
    ) -> None:
        super().__init__(records)
        self._datasets = datasets
        self._versions = versions
        self._tasks = tasks

    async def CreateDataset(
        self, request: pb.CreateDatasetRequest, context: Any
    ) -> pb.CreateDatasetResponse:
        with edge():
            made = await self._datasets.create(
                request.project_id,
                request.name,
                request.description,
                request.kind,
                request.metadata,
            )
        return pb.CreateDatasetResponse(dataset=to.dataset(*made))

    async def GetDataset(
        self, request: pb.GetDatasetRequest, context: Any
    ) -> pb.GetDatasetResponse:
        with edge():
            found = await self._datasets.get(request.project_id, request.dataset_id)
        return pb.GetDatasetResponse(dataset=to.dataset(*found))

    async def UpdateDataset(
        self, request: pb.UpdateDatasetRequest, context: Any
    ) -> pb.UpdateDatasetResponse:
        with edge():
            found = await self._datasets.update(
                request.project_id,
                request.dataset_id,
                name=request.name if request.HasField("name") else None,
                description=request.description if request.HasField("description") else None,
                metadata=request.metadata.pairs if request.HasField("metadata") else None,
            )
        return pb.UpdateDatasetResponse(dataset=to.dataset(*found))

    async def ListDatasets(
        self, request: pb.ListDatasetsRequest, context: Any
    ) -> pb.ListDatasetsResponse:
        with edge():
            found, more = await self._datasets.list(
                request.project_id,
                request.page.after,
                request.page.limit,
                source=request.source,
                kinds=request.kinds,
                published=request.published,
            )
        return pb.ListDatasetsResponse(datasets=[to.dataset(*d) for d in found], has_more=more)

    async def DeleteDataset(
        self, request: pb.DeleteDatasetRequest, context: Any
    ) -> pb.DeleteDatasetResponse:
        with edge():
            await self._datasets.delete(request.project_id, request.dataset_id)
        return pb.DeleteDatasetResponse()

    async def CreateVersion(
        self, request: pb.CreateVersionRequest, context: Any
    ) -> pb.CreateVersionResponse:
        with edge():
            made = await self._versions.create(
                request.project_id,
                request.dataset_id,
                request.from_version_id,
                empty=request.empty,
            )
        return pb.CreateVersionResponse(version=to.version(made))

    async def GetVersion(
        self, request: pb.GetVersionRequest, context: Any
    ) -> pb.GetVersionResponse:
        with edge():
            found = await self._versions.get(
                request.project_id, request.version_id, request.dataset_id
            )
        return pb.GetVersionResponse(version=to.version(found))

    async def ListVersions(
        self, request: pb.ListVersionsRequest, context: Any
    ) -> pb.ListVersionsResponse:
        with edge():
            found, more = await self._versions.list(
                request.project_id, request.dataset_id, request.page.after, request.page.limit
            )
        return pb.ListVersionsResponse(versions=[to.version(v) for v in found], has_more=more)

    async def DeleteVersion(
        self, request: pb.DeleteVersionRequest, context: Any
    ) -> pb.DeleteVersionResponse:
        with edge():
            await self._versions.delete(request.project_id, request.dataset_id, request.version_id)
        return pb.DeleteVersionResponse()

    async def PublishVersion(
        self, request: pb.PublishVersionRequest, context: Any
    ) -> pb.PublishVersionResponse:
        with edge():
            found = await self._versions.publish(
                request.project_id, request.dataset_id, request.version_id
            )
        return pb.PublishVersionResponse(version=to.version(found))

    async def ReadVersion(
        self, request: pb.ReadVersionRequest, context: Any
    ) -> AsyncIterator[pb.ReadVersionResponse]:
        with edge():
            async with self._versions.read(request.project_id, request.version_id) as pieces:
                async for piece in pieces:
                    yield pb.ReadVersionResponse(chunk=piece)

    async def CreateTask(
        self, request: pb.CreateTaskRequest, context: Any
    ) -> pb.CreateTaskResponse:
        with edge():
            made = await self._tasks.create(
                request.project_id,
                request.key_id,
                request.type,
                request.dataset_id,
                request.parameters,
            )
        return pb.CreateTaskResponse(task=to.task(made))

    async def GetTask(self, request: pb.GetTaskRequest, context: Any) -> pb.GetTaskResponse:
        with edge():
            found = await self._tasks.get(request.project_id, request.task_id)
        return pb.GetTaskResponse(task=to.task(found))

    async def ListTasks(self, request: pb.ListTasksRequest, context: Any) -> pb.ListTasksResponse:
        with edge():
            found, more = await self._tasks.list(
                request.project_id, request.dataset_id, request.page.after, request.page.limit
            )
        return pb.ListTasksResponse(tasks=[to.task(t) for t in found], has_more=more)

    async def CancelTask(
        self, request: pb.CancelTaskRequest, context: Any
    ) -> pb.CancelTaskResponse:
        with edge():
            found = await self._tasks.cancel(request.project_id, request.task_id)
        return pb.CancelTaskResponse(task=to.task(found))
