"""Reads, lists and deletes files. Another project's file is answered like an unknown one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.kit.errors import NotFound
from argosy.kit.outbox import Outbox
from argosy.registry.blobs.contract import BlobStore
from argosy.registry.domain.files import MAX_FILE_ID_CHARACTERS, File
from argosy.registry.domain.paging import page
from argosy.registry.store import files
from argosy.registry.usecases import news

# OpenAI's numbers for GET /v1/files.
_MAX_PAGE: Final = 10_000
_DEFAULT_PAGE: Final = 10_000
# Files in one answer, each up to 500 bytes: gRPC's messages end at 4 MiB. `has_more` tells of the
# rest, whatever the limit was.
_MAX_SENT: Final = 5_000


class Files:
    """The use cases of stored files."""

    def __init__(self, database: Database, blobs: BlobStore, outbox: Outbox, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._outbox = outbox
        self._clock = clock

    async def get(self, project_id: str, file_id: str) -> File:
        """Return a file; raises NotFound."""
        async with self._database.begin() as connection:
            found = await files.find(connection, project_id, file_id, self._clock.now())
        if found is None:
            raise _unknown(file_id)
        return found

    async def list(
        self, project_id: str, purpose: str, after: str, limit: int, *, ascending: bool
    ) -> tuple[list[File], bool]:
        """Return a page of files and whether more follow.

        Raises RuleBroken for a limit out of range, NotFound for an unknown `after`.
        """
        asked = page(after, limit, ascending=ascending, default=_DEFAULT_PAGE, maximum=_MAX_PAGE)
        wanted = replace(asked, limit=min(asked.limit, _MAX_SENT))
        async with self._database.begin() as connection:
            found = await files.page(connection, project_id, purpose, wanted, self._clock.now())
        if found is None:
            raise _unknown(after, param="after")
        return found

    async def delete(self, project_id: str, file_id: str) -> None:
        """Delete a file; raises NotFound. Reads that began before go on to their end."""
        async with self._database.begin() as connection:
            gone = await files.remove(connection, project_id, file_id)
            if gone is None:
                raise _unknown(file_id)
            await self._outbox.add(connection, news.file_deleted(gone, self._clock.now()))
        self._outbox.wake()
        # After the commit: should this not happen, `collect` removes the blob later.
        await self._blobs.delete(gone.blob)

    @asynccontextmanager
    async def read(self, project_id: str, file_id: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a file's content in pieces of at most 1 MiB; raises NotFound."""
        file = await self.get(project_id, file_id)
        try:
            async with self._blobs.read(file.blob) as pieces:
                yield pieces
        except FileNotFoundError:
            # Deleted between the look at the row and the opening of the blob.
            raise _unknown(file_id) from None


def _unknown(file_id: str, *, param: str = "file_id") -> NotFound:
    # The id is the caller's text: as much of it as an id may have.
    return NotFound(f"No such File object: {file_id[:MAX_FILE_ID_CHARACTERS]}", param=param)
