"""A caller of `DatasetService` for tests, and a look at the children that do its tasks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from argosy.api.common.v1.common_pb2 import PageRequest
from argosy.api.registry.v1 import datasets_pb2 as pb
from argosy.api.registry.v1.datasets_pb2_grpc import DatasetServiceStub
from argosy.kit.rpc import calling

from tests.harness.registry_client import PROJECT, Client
from tests.harness.registry_fleet import Registry
from tests.harness.servers import eventually

# For what goes through a whole version; a million records take minutes on a busy machine.
_WHOLE = 900.0
ENDED = frozenset({"succeeded", "failed", "cancelled"})


class DatasetClient(Client):
    """Calls one registry; use it as an asynchronous context."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        self.datasets = DatasetServiceStub(self._channel)

    async def create(self, *, kind: str = "", project: str = PROJECT) -> pb.Dataset:
        request = pb.CreateDatasetRequest(project_id=project, name="tests", kind=kind)
        with calling("registry"):
            return (await self.datasets.CreateDataset(request, timeout=20)).dataset

    async def start(
        self, dataset_id: str, task_type: str, *, project: str = PROJECT, **parameters: Any
    ) -> pb.DatasetTask:
        """Queue a task."""
        request = pb.CreateTaskRequest(
            project_id=project,
            type=task_type,
            dataset_id=dataset_id,
            parameters=json.dumps(parameters),
        )
        with calling("registry"):
            return (await self.datasets.CreateTask(request, timeout=20)).task

    async def bring_in(
        self, dataset_id: str, data: bytes | Sequence[bytes], name: str = "a.jsonl", **more: Any
    ) -> pb.DatasetTask:
        """Upload data and queue its import."""
        file = await self.upload(data, filename=name, purpose="user_data")
        return await self.start(dataset_id, "import", source={"file_id": file.id}, **more)

    async def task(self, task_id: str, *, project: str = PROJECT) -> pb.DatasetTask:
        request = pb.GetTaskRequest(project_id=project, task_id=task_id)
        with calling("registry"):
            return (await self.datasets.GetTask(request, timeout=20)).task

    async def ended(self, task: pb.DatasetTask, seconds: float = 120) -> pb.DatasetTask:
        """Return a task once it has ended."""

        async def look() -> pb.DatasetTask | None:
            found = await self.task(task.id)
            return found if found.status in ENDED else None

        found = await eventually(look, f"the end of {task.id}", seconds)
        assert found is not None
        return found

    async def cancel(self, task: pb.DatasetTask) -> pb.DatasetTask:
        request = pb.CancelTaskRequest(project_id=PROJECT, task_id=task.id)
        with calling("registry"):
            return (await self.datasets.CancelTask(request, timeout=20)).task

    async def dataset(self, dataset_id: str) -> pb.Dataset:
        request = pb.GetDatasetRequest(project_id=PROJECT, dataset_id=dataset_id)
        with calling("registry"):
            return (await self.datasets.GetDataset(request, timeout=20)).dataset

    async def publish_version(self, version: pb.DatasetVersion) -> pb.DatasetVersion:
        request = pb.PublishVersionRequest(
            project_id=PROJECT, dataset_id=version.dataset_id, version_id=version.id
        )
        with calling("registry"):
            return (await self.datasets.PublishVersion(request, timeout=_WHOLE)).version

    async def content(self, version_id: str) -> bytes:
        request = pb.ReadVersionRequest(project_id=PROJECT, version_id=version_id)
        with calling("registry"):
            call: Any = self.datasets.ReadVersion(request, timeout=_WHOLE)
            return b"".join([answer.chunk async for answer in call])

    async def records(self, version_id: str, **page: Any) -> list[pb.DatasetRecord]:
        request = pb.ListRecordsRequest(
            project_id=PROJECT, version_id=version_id, page=PageRequest(ascending=True, **page)
        )
        with calling("registry"):
            return list((await self.datasets.ListRecords(request, timeout=20)).records)

    async def child(self, task: pb.DatasetTask, seconds: float = 60) -> int:
        """Return the pid of the child that works on a task, once there is one."""

        return await self.any_child([task.id], seconds)

    async def any_child(self, task_ids: Sequence[str], seconds: float = 60) -> int:
        """Return the pid of a child that works on one of the tasks, once there is one."""

        async def look() -> int | None:
            return await asyncio.to_thread(_child, frozenset(t.encode() for t in task_ids))

        found = await eventually(look, "a child of a task", seconds)
        assert found is not None
        return found


def _child(task_ids: frozenset[bytes]) -> int | None:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if task_ids.intersection(words) and b"argosy.registry.datasets.worker" in words:
            return int(entry.name)
    return None


def peak_rss_bytes(pid: int) -> int:
    """Return the most memory that a process has held so far; 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0")
    return int(line.split()[1]) * 1024
