"""Files, at the registry. Knows how content streams both ways; holds at most one piece of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final, Protocol

import grpc
from argosy.api.common.v1.common_pb2 import PageRequest
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.api.registry.v1.registry_pb2_grpc import FileServiceStub
from argosy.gateway.upstream.deadline import within
from argosy.kit.errors import ApiError
from argosy.kit.rpc import calling, early_refusal

_SERVICE: Final = "registry"
_TIMEOUT: Final = 5.0
_LIST_TIMEOUT: Final = 15.0
# One piece of content either way: the registry's disk is slow or the registry is gone.
_PIECE_TIMEOUT: Final = 30.0
# After the last piece the registry still judges, syncs and commits.
_COMMIT_TIMEOUT: Final = 120.0


class Upload(Protocol):
    """A file on its way to the registry."""

    async def write(self, piece: bytes) -> None:
        """Send the next bytes, at most 1 MiB; returns when there is room for more."""

    async def finish(self) -> pb.File:
        """Say that this was all and return the stored file."""


class FilesClient:
    """Calls of `FileService` on behalf of a project."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = FileServiceStub(channel)

    @contextlib.asynccontextmanager
    async def create(self, header: pb.FileHeader) -> AsyncIterator[Upload]:
        """Open an upload; leaving the block without `finish` leaves no file behind."""
        call = self._stub.CreateFile()
        refusal = asyncio.create_task(early_refusal(call), name="upload refusal")
        try:
            upload = _Upload(call, refusal)
            await upload.send(pb.CreateFileRequest(header=header))
            yield upload
        finally:
            call.cancel()
            refusal.cancel()
            await asyncio.gather(refusal, return_exceptions=True)

    async def get(self, project_id: str, file_id: str) -> pb.File:
        request = pb.GetFileRequest(project_id=project_id, file_id=file_id)
        with calling(_SERVICE):
            return (await self._stub.GetFile(request, timeout=_TIMEOUT)).file

    async def list(self, project_id: str, purpose: str, page: PageRequest) -> pb.ListFilesResponse:
        request = pb.ListFilesRequest(project_id=project_id, purpose=purpose, page=page)
        with calling(_SERVICE):
            return await self._stub.ListFiles(request, timeout=_LIST_TIMEOUT)

    async def delete(self, project_id: str, file_id: str) -> None:
        request = pb.DeleteFileRequest(project_id=project_id, file_id=file_id)
        with calling(_SERVICE):
            await self._stub.DeleteFile(request, timeout=_TIMEOUT)

    async def content(self, project_id: str, file_id: str) -> AsyncIterator[bytes]:
        """Yield the file's bytes as they come, each piece at most 1 MiB."""
        request = pb.ReadFileRequest(project_id=project_id, file_id=file_id)
        call = self._stub.ReadFile(request)
        try:
            while True:
                async with within(_SERVICE, _PIECE_TIMEOUT):
                    answer = await call.read()
                if not isinstance(answer, pb.ReadFileResponse):
                    return
                yield answer.chunk
        finally:
            call.cancel()


class _Upload:
    def __init__(
        self,
        call: grpc.aio.StreamUnaryCall[pb.CreateFileRequest, pb.CreateFileResponse],
        refusal: asyncio.Task[ApiError | None],
    ) -> None:
        self._call = call
        self._refusal = refusal

    async def write(self, piece: bytes) -> None:
        await self.send(pb.CreateFileRequest(chunk=piece))

    async def send(self, message: pb.CreateFileRequest) -> None:
        if self._refusal.done() and (refused := self._refusal.result()) is not None:
            raise refused
        async with within(_SERVICE, _PIECE_TIMEOUT):
            try:
                await self._call.write(message)
            except asyncio.InvalidStateError:
                # The registry has answered already: it refused what it has read so far.
                await self._call
                raise

    async def finish(self) -> pb.File:
        async with within(_SERVICE, _COMMIT_TIMEOUT):
            # The registry may have answered before the end; then its answer is what counts.
            with contextlib.suppress(asyncio.InvalidStateError):
                await self._call.done_writing()
            return (await self._call).file
