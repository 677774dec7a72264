"""`/v1/files`: upload, list, read and delete, at the registry."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.errors import echo
from argosy.gateway.http.body import chunks_of
from argosy.gateway.http.paging import Json, Page, page_of, page_request, query_of
from argosy.gateway.http.ports import Given
from argosy.gateway.http.upload_form import (
    FORM_OVERHEAD_BYTES,
    FileHeader,
    UploadForm,
    file_too_large,
    with_idle_timeout,
)
from argosy.gateway.upstream.files import FilesClient, Upload
from argosy.kit.errors import InvalidRequest, NotFound
from litestar import Controller, Request, delete, get, post
from litestar.params import FromPath
from litestar.response import Stream

_MAX_LIST: Final = 10_000
_FILE_ID: Final = re.compile(r"file-[A-Za-z0-9_-]{1,64}")
_PURPOSE: Final = re.compile(r"[a-z_-]{1,32}")


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What one upload may take: bytes of the file, seconds between two pieces of it."""

    max_file_bytes: int
    idle_seconds: float
    spool: Path
    # Files that come before their purpose lie in `spool`; this bounds how many at once.
    holding: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))


class FilesController(Controller):
    path = "/v1/files"

    @post(status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        files: Given[FilesClient],
        upload_limits: Given[UploadLimits],
    ) -> Json:
        _refuse_declared_size(request, upload_limits.max_file_bytes)
        form = UploadForm(
            request.headers.get("content-type", ""),
            max_file_bytes=upload_limits.max_file_bytes,
            spool=upload_limits.spool,
            holding=upload_limits.holding,
        )
        async with _RegistrySink(files, caller.project_id) as sink:
            await form.read(with_idle_timeout(chunks_of(request), upload_limits.idle_seconds), sink)
            return file_json(await sink.finish())

    @get()
    async def list_files(
        self, request: Request[Any, Any, Any], caller: Given[Caller], files: Given[FilesClient]
    ) -> Page:
        query = query_of(request, "after", "limit", "order", "purpose")
        page = page_request(query, maximum=_MAX_LIST, ordered=True)
        purpose = query.get("purpose", "")
        if purpose and not _PURPOSE.fullmatch(purpose):
            raise InvalidRequest("Invalid value for 'purpose'.", param="purpose")
        answer = await files.list(caller.project_id, purpose, page)
        return page_of([file_json(file) for file in answer.files], has_more=answer.has_more)

    @get("/{file_id:str}")
    async def retrieve(
        self, caller: Given[Caller], files: Given[FilesClient], file_id: FromPath[str]
    ) -> Json:
        return file_json(await files.get(caller.project_id, _checked(file_id)))

    @get("/{file_id:str}/content")
    async def content(
        self, caller: Given[Caller], files: Given[FilesClient], file_id: FromPath[str]
    ) -> Stream:
        file = await files.get(caller.project_id, _checked(file_id))
        return Stream(
            files.content(caller.project_id, file.id),
            media_type="application/octet-stream",
            headers={
                "content-length": str(file.bytes),
                "content-disposition": _attachment(file.filename),
                "x-content-type-options": "nosniff",
            },
        )

    @delete("/{file_id:str}", status_code=200)
    async def remove(
        self, caller: Given[Caller], files: Given[FilesClient], file_id: FromPath[str]
    ) -> Json:
        await files.delete(caller.project_id, _checked(file_id))
        return {"id": file_id, "object": "file", "deleted": True}


def file_json(file: pb.File) -> Json:
    """Return OpenAI's `file`."""
    return {
        "object": "file",
        "id": file.id,
        "purpose": file.purpose,
        "filename": file.filename,
        "bytes": file.bytes,
        "created_at": file.created_at.seconds,
        "expires_at": file.expires_at.seconds if file.HasField("expires_at") else None,
        "status": file.status,
        "status_details": None,
        **({"argosy": {"kind": file.kind, "rows": file.rows}} if file.kind else {}),
    }


class _RegistrySink:
    """Sends a form's file to the registry; an upload that is left early is withdrawn."""

    def __init__(self, files: FilesClient, project_id: str) -> None:
        self._files = files
        self._project_id = project_id
        self._stack = contextlib.AsyncExitStack()
        self._upload: Upload | None = None

    async def __aenter__(self) -> _RegistrySink:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def start(self, header: FileHeader) -> None:
        self._upload = await self._stack.enter_async_context(
            self._files.create(
                pb.FileHeader(
                    project_id=self._project_id,
                    filename=header.filename,
                    purpose=header.purpose,
                    expires_after_seconds=header.expires_after_seconds,
                )
            )
        )

    async def write(self, piece: bytes) -> None:
        await self._started.write(piece)

    async def finish(self) -> pb.File:
        return await self._started.finish()

    @property
    def _started(self) -> Upload:
        if self._upload is None:
            raise RuntimeError("the form ended without a file")
        return self._upload


def _refuse_declared_size(request: Request[Any, Any, Any], max_file_bytes: int) -> None:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_file_bytes + FORM_OVERHEAD_BYTES:
        raise file_too_large(max_file_bytes)


def _checked(file_id: str) -> str:
    if not _FILE_ID.fullmatch(file_id):
        raise NotFound(f"No such File object: {echo(file_id)}", param="file_id")
    return file_id


def _attachment(filename: str) -> str:
    """Return the header for a download, after RFC 6266: plain ASCII, else percent-encoded."""
    if re.fullmatch(r"[A-Za-z0-9 ._()-]+", filename):
        return f'attachment; filename="{filename}"'
    return f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
