"""A caller of the registry's services for tests: streams cut into pieces, errors as ApiError."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from argosy.api.common.v1.common_pb2 import PageRequest
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.api.registry.v1.registry_pb2_grpc import (
    CatalogServiceStub,
    FileServiceStub,
    UsageServiceStub,
)
from argosy.kit.rpc import calling

from tests.harness import adapters
from tests.harness.registry_fleet import Registry

PROJECT = "proj_default"
LINE = b'{"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}\n'


class Client:
    """Calls one registry; use it as an asynchronous context."""

    def __init__(self, registry: Registry) -> None:
        self._channel: grpc.aio.Channel = registry.channel()
        self.files = FileServiceStub(self._channel)
        self.catalog = CatalogServiceStub(self._channel)
        self.usage = UsageServiceStub(self._channel)

    async def __aenter__(self) -> Client:
        # gRPC shares connections within a process: after a restart of the registry on its port
        # the old one's back-off may still be running.
        await asyncio.wait_for(self._channel.channel_ready(), 20)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

    async def upload(
        self,
        data: bytes | Sequence[bytes] = LINE,
        *,
        filename: str = "train.jsonl",
        purpose: str = "fine-tune",
        project: str = PROJECT,
        **header: Any,
    ) -> pb.File:
        """Create a file of `data`, sent in its pieces, or in pieces of 256 KiB."""
        pieces = _cut(data) if isinstance(data, bytes) else data
        first = pb.FileHeader(project_id=project, filename=filename, purpose=purpose, **header)

        async def parts() -> AsyncIterator[pb.CreateFileRequest]:
            yield pb.CreateFileRequest(header=first)
            for piece in pieces:
                yield pb.CreateFileRequest(chunk=piece)

        with calling("registry"):
            answer = await self.files.CreateFile(parts(), timeout=60)
        return answer.file

    async def read(self, file_id: str, *, project: str = PROJECT) -> bytes:
        request = pb.ReadFileRequest(project_id=project, file_id=file_id)
        with calling("registry"):
            return b"".join([a.chunk async for a in self.files.ReadFile(request, timeout=60)])

    async def get(self, file_id: str, *, project: str = PROJECT) -> pb.File:
        request = pb.GetFileRequest(project_id=project, file_id=file_id)
        with calling("registry"):
            return (await self.files.GetFile(request, timeout=10)).file

    async def delete(self, file_id: str, *, project: str = PROJECT) -> None:
        request = pb.DeleteFileRequest(project_id=project, file_id=file_id)
        with calling("registry"):
            await self.files.DeleteFile(request, timeout=10)

    async def list(
        self, *, project: str = PROJECT, purpose: str = "", **page: Any
    ) -> pb.ListFilesResponse:
        request = pb.ListFilesRequest(project_id=project, purpose=purpose, page=PageRequest(**page))
        with calling("registry"):
            return await self.files.ListFiles(request, timeout=10)

    async def publish(
        self,
        model_id: str,
        *files: tuple[str, bytes],
        kind: pb.ModelKind.ValueType = pb.MODEL_KIND_TUNED,
        project: str = PROJECT,
        base: str = "base-one",
        job: str = "ftjob-1",
        step: int = 10,
        rank: int = 0,
        artifact: pb.Artifact.ValueType = pb.ARTIFACT_UNSPECIFIED,
        parent: str = "",
    ) -> pb.Model:
        """Publish what is in `files`, or a good LoRA adapter."""
        model = pb.Model(
            id=model_id, kind=kind, project_id=project, base=base, job_id=job, step=step,
            lora_rank=rank, artifact=artifact, parent=parent,
        )  # fmt: skip
        good = (
            ("adapter_config.json", adapters.config()),
            ("adapter_model.safetensors", adapters.weights()),
        )

        async def parts() -> AsyncIterator[pb.PublishAdapterRequest]:
            yield pb.PublishAdapterRequest(model=model)
            for name, data in files or good:
                yield pb.PublishAdapterRequest(file_name=name)
                for piece in _cut(data):
                    yield pb.PublishAdapterRequest(chunk=piece)

        with calling("registry"):
            return (await self.catalog.PublishAdapter(parts(), timeout=60)).model

    async def model(self, model_id: str, *, project: str = PROJECT) -> pb.Model:
        request = pb.GetModelRequest(project_id=project, model_id=model_id)
        with calling("registry"):
            return (await self.catalog.GetModel(request, timeout=10)).model

    async def delete_model(self, model_id: str, *, project: str = PROJECT) -> None:
        request = pb.DeleteModelRequest(project_id=project, model_id=model_id)
        with calling("registry"):
            await self.catalog.DeleteModel(request, timeout=10)

    async def list_usage(self, *, project: str = PROJECT, **page: Any) -> pb.ListUsageResponse:
        request = pb.ListUsageRequest(project_id=project, page=PageRequest(**page))
        with calling("registry"):
            return await self.usage.ListUsage(request, timeout=10)

    def watch(self) -> Watcher:
        return Watcher(self.catalog)


class Watcher:
    """One open watch; keeps what it was told as a gateway would."""

    def __init__(self, stub: CatalogServiceStub) -> None:
        self._call: Any = stub.Watch(pb.WatchRequest())  # the stubs know no `read`
        self.revision = 0
        self.kinds: list[str] = []
        self.entries: dict[tuple[str, str], Any] = {}

    async def next(self, seconds: float = 10) -> pb.WatchResponse:
        with calling("registry"):
            update = await asyncio.wait_for(self._call.read(), seconds)
        assert isinstance(update, pb.WatchResponse)
        kind = update.WhichOneof("entry")
        assert kind is not None
        assert update.revision >= self.revision
        self.revision = update.revision
        self.kinds.append(kind)
        if kind == "removal":
            name = pb.EntryKind.Name(update.removal.kind).removeprefix("ENTRY_KIND_").lower()
            self.entries.pop((name, update.removal.id), None)
        elif kind not in {"synced", "heartbeat"}:
            entry = getattr(update, kind)
            self.entries[kind, entry.name if kind in {"pool", "route"} else entry.id] = entry
        return update

    async def until(self, kind: str) -> pb.WatchResponse:
        """Read on to the next update of `kind`."""
        while (update := await self.next()).WhichOneof("entry") != kind:
            pass
        return update

    def cancel(self) -> None:
        self._call.cancel()


def _cut(data: bytes, size: int = 256 << 10) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]
