"""Brings a source to a file of ours, counted and hashed on the way.

Knows which source is fetched how. Does not read what it brings.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.kit.errors import TooLarge
from argosy.registry.blobs.contract import BlobStore
from argosy.registry.blobs.writer import HashedFile
from argosy.registry.datasets.parameters import Source
from argosy.registry.datasets.sources import s3, urls
from argosy.registry.datasets.tasks import Task
from argosy.registry.datasets.usecases.shelf import unknown
from argosy.registry.settings import RegistrySettings
from argosy.registry.store import files


@dataclass(frozen=True, slots=True)
class Fetched:
    """A source as a file: what it is called, where it came from, and its SHA-256."""

    path: Path
    name: str
    origin: str
    sha256: str
    bytes: int


async def _threaded(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield from a blocking source without blocking the loop."""
    try:
        while (piece := await asyncio.to_thread(next, pieces, b"")) != b"":
            yield piece
    finally:
        await asyncio.to_thread(getattr(pieces, "close", lambda: None))


class Place(Protocol):
    """What fetching needs of a task's bench."""

    @property
    def task(self) -> Task: ...
    @property
    def settings(self) -> RegistrySettings: ...
    @property
    def database(self) -> Database: ...
    @property
    def blobs(self) -> BlobStore: ...
    @property
    def clock(self) -> Clock: ...

    def new_path(self) -> Path:
        """Return a scratch file's path."""


class Fetcher:
    """Fetches sources on behalf of a task's project."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def fetch(self, source: Source) -> Fetched:
        """Fetch a source; raises NotFound, InvalidRequest, TooLarge, Unavailable."""
        if source.uri is not None:
            return await self._object(source.uri)
        if source.url is not None:
            return await self._url(source.url)
        return await self._file(str(source.file_id))

    async def _object(self, uri: str) -> Fetched:
        settings = self._place.settings
        bucket, key = s3.checked(uri, self._place.task.project_id, settings.import_s3_prefix)
        access = s3.S3Access(
            settings.import_s3_prefix,
            settings.import_s3_endpoint,
            settings.import_s3_region,
            settings.import_s3_access_key_id,
            settings.import_s3_secret_access_key.get_secret_value(),
        )
        return await self._write(s3.pieces(access, bucket, key), key.rpartition("/")[2], uri)

    async def _url(self, url: str) -> Fetched:
        there = urls.checked(url, self._place.settings.import_url_hosts)
        path, _, query = there.path.partition("?")
        # A query may hold a secret: the lineage tells where data came from without it.
        origin = f"{there.scheme}://{there.authority}{path}" + ("?…" if query else "")
        return await self._write(_threaded(urls.pieces(there)), path.rpartition("/")[2], origin)

    async def _file(self, file_id: str) -> Fetched:
        place = self._place
        async with place.database.begin() as connection:
            found = await files.find(connection, place.task.project_id, file_id, place.clock.now())
        if found is None:
            raise unknown("File object", file_id, param="source.file_id")
        try:
            async with place.blobs.read(found.blob) as pieces:
                return await self._write(pieces, found.filename, file_id)
        except FileNotFoundError:
            raise unknown("File object", file_id, param="source.file_id") from None

    async def _write(self, pieces: AsyncIterator[bytes], name: str, origin: str) -> Fetched:
        limit = self._place.settings.max_source_bytes
        path = self._place.new_path()
        target = await asyncio.to_thread(HashedFile, path)
        try:
            async for piece in pieces:
                if target.bytes + len(piece) > limit:
                    raise TooLarge(
                        f"The source is larger than the limit of {limit} bytes. Split it.",
                        param="source",
                        code="source_too_large",
                    )
                await asyncio.to_thread(target.write, piece)
            sha256 = await asyncio.to_thread(target.seal)
        finally:
            target.close()
        return Fetched(path, name, origin, sha256, target.bytes)
