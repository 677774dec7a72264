"""`FileService`: uploads, look-ups, lists, deletions and downloads of files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.api.registry.v1 import registry_pb2_grpc
from argosy.kit.errors import InvalidRequest
from argosy.registry.rpc import translate
from argosy.registry.rpc.edge import edge, within
from argosy.registry.usecases.files import Files
from argosy.registry.usecases.upload_file import Upload, UploadFile


class FileServicer(registry_pb2_grpc.FileServiceServicer):
    """Translates between `FileService` and the use cases.

    An upload may be silent for `idle_seconds`.
    """

    def __init__(self, upload: UploadFile, files: Files, *, idle_seconds: float) -> None:
        self._upload = upload
        self._files = files
        self._idle_seconds = idle_seconds

    async def CreateFile(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.CreateFileRequest], context: Any
    ) -> pb.CreateFileResponse:
        with edge():
            parts = within(aiter(request_iterator), self._idle_seconds)
            upload = _upload(await anext(parts, None))
            file = await self._upload(upload, _chunks(parts))
        return pb.CreateFileResponse(file=translate.file(file))

    async def GetFile(self, request: pb.GetFileRequest, context: Any) -> pb.GetFileResponse:  # noqa: N802
        with edge():
            file = await self._files.get(request.project_id, request.file_id)
        return pb.GetFileResponse(file=translate.file(file))

    async def ListFiles(  # noqa: N802
        self, request: pb.ListFilesRequest, context: Any
    ) -> pb.ListFilesResponse:
        with edge():
            files, more = await self._files.list(
                request.project_id,
                request.purpose,
                request.page.after,
                request.page.limit,
                ascending=request.page.ascending,
            )
        return pb.ListFilesResponse(files=[translate.file(f) for f in files], has_more=more)

    async def DeleteFile(  # noqa: N802
        self, request: pb.DeleteFileRequest, context: Any
    ) -> pb.DeleteFileResponse:
        with edge():
            await self._files.delete(request.project_id, request.file_id)
        return pb.DeleteFileResponse()

    async def ReadFile(  # noqa: N802
        self, request: pb.ReadFileRequest, context: Any
    ) -> AsyncIterator[pb.ReadFileResponse]:
        with edge():
            async with self._files.read(request.project_id, request.file_id) as pieces:
                async for piece in pieces:
                    yield pb.ReadFileResponse(chunk=piece)


def _upload(first: pb.CreateFileRequest | None) -> Upload:
    if first is None or first.WhichOneof("part") != "header":
        raise InvalidRequest("The first message must be the header.", param="header")
    header = first.header
    return Upload(
        project_id=header.project_id,
        filename=header.filename,
        purpose=header.purpose,
        expires_after_seconds=header.expires_after_seconds,
        file_id=header.file_id,
    )


async def _chunks(parts: AsyncIterator[pb.CreateFileRequest]) -> AsyncIterator[bytes]:
    async for part in parts:
        if part.WhichOneof("part") != "chunk":
            raise InvalidRequest("After the header only chunks may follow.", param="chunk")
        yield part.chunk
