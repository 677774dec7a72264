"""Takes an upload: judged and written aside as it streams, then shown with its record.

Order: judge and stage every byte → make the blob durable under its name → commit the row with its
event. So a row never names a missing blob. A crash in between leaves a blob without a row, which
`collect` removes; a refusal leaves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from argosy.api import ids
from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.kit.errors import ApiError, InvalidRequest
from argosy.kit.failpoints import failpoint
from argosy.kit.outbox import Outbox
from argosy.registry.blobs.contract import BlobStore, Sealed
from argosy.registry.domain.files import (
    File,
    check_file_id,
    check_filename,
    expiry,
    parse_purpose,
)
from argosy.registry.domain.rules import RuleBroken
from argosy.registry.intake.file_judge import FileJudge, FileLimits
from argosy.registry.metrics import Metrics
from argosy.registry.store import catalog, files
from argosy.registry.usecases import news


@dataclass(frozen=True, slots=True)
class Upload:
    """What the caller says of a file before its bytes.

    `file_id` is empty for a user's upload and a service's choice otherwise; only a service may
    store results.
    """

    project_id: str
    filename: str
    purpose: str
    expires_after_seconds: int
    file_id: str


class UploadFile:
    """The use case; one object a process."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        outbox: Outbox,
        clock: Clock,
        limits: FileLimits,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._outbox = outbox
        self._clock = clock
        self._limits = limits
        self._metrics = metrics

    async def __call__(self, upload: Upload, chunks: AsyncIterator[bytes]) -> File:
        """Store a file and return it; the same `file_id` again returns the file of the first time.

        Raises InvalidRequest (the header or a line breaks a rule), TooLarge, RuleBroken.
        """
        try:
            file, outcome = await self._store(upload, chunks)
        except (ApiError, RuleBroken):
            self._metrics.uploads.labels("refused").inc()
            raise
        except BaseException:
            self._metrics.uploads.labels("failed").inc()
            raise
        self._metrics.uploads.labels(outcome).inc()
        if outcome == "stored":
            self._metrics.upload_bytes.inc(file.bytes)
        return file

    async def _store(self, upload: Upload, chunks: AsyncIterator[bytes]) -> tuple[File, str]:
        draft = self._draft(upload)
        stored = await self._earlier(draft, known=bool(upload.file_id))
        if stored is not None:
            return stored, "repeated"
        judge = FileJudge(draft.purpose, self._limits)
        async with self._blobs.upload() as blob:
            async for chunk in chunks:
                await asyncio.to_thread(judge.feed, chunk)
                await blob.write(chunk)
            rows = await asyncio.to_thread(judge.finish)
            sealed = await blob.commit()
        failpoint("registry.file.before_row")
        return await self._record(_complete(draft, sealed, rows, judge.kind))

    def _draft(self, upload: Upload) -> File:
        now = self._clock.now()
        return File(
            id=check_file_id(upload.file_id) if upload.file_id else ids.new_id(ids.FILE),
            project_id=upload.project_id,
            filename=check_filename(upload.filename),
            purpose=parse_purpose(upload.purpose, by_service=bool(upload.file_id)),
            bytes=0,
            created_at=now,
            expires_at=expiry(now, upload.expires_after_seconds),
            sha256="",
            rows=0,
            blob="",
        )

    async def _earlier(self, draft: File, *, known: bool) -> File | None:
        async with self._database.begin() as connection:
            if not await catalog.projects(connection, [draft.project_id]):
                raise InvalidRequest("The project does not exist.", param="project_id")
            if not known:
                return None
            return await files.find(connection, draft.project_id, draft.id, draft.created_at)

    async def _record(self, file: File) -> tuple[File, str]:
        # If the answer to the commit is lost, the row may be there: the blob stays, whatever
        # happens below, and `collect` decides later by what the table says.
        async with self._database.begin() as connection:
            added = await files.add(connection, file)
            if added:
                await self._outbox.add(connection, news.file_created(file, self._clock.now()))
                failpoint("registry.file.before_commit")
        if added:
            self._outbox.wake()
            return file, "stored"
        await self._blobs.delete(file.blob)
        async with self._database.begin() as connection:
            first = await files.find(connection, file.project_id, file.id, self._clock.now())
        if first is None:
            raise InvalidRequest("file_id is taken; choose another.", param="file_id")
        return first, "repeated"


def _complete(draft: File, sealed: Sealed, rows: int, kind: str) -> File:
    return replace(
        draft, bytes=sealed.bytes, sha256=sealed.sha256, rows=rows, blob=sealed.name, kind=kind
    )
