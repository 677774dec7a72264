"""The blob store as a folder: `files/<two characters>/<32 hex characters>`.

Names are random and lower case, so that no name from outside and no file system's idea of upper
and lower case has a say. Knows nothing of rows; a blob that no row names is found by `older_than`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from argosy.kit.failpoints import failpoint
from argosy.registry.blobs.contract import Sealed
from argosy.registry.blobs.staging import Staging, fsync_folder
from argosy.registry.blobs.writer import HashedFile

_READ_BYTES: Final = 1 << 20


class FileBlobs:
    """Implements `BlobStore` under `root`/files."""

    def __init__(self, root: Path, staging: Staging) -> None:
        self._root = root / "files"
        self._root.mkdir(parents=True, exist_ok=True)
        self._staging = staging

    @asynccontextmanager
    async def upload(self) -> AsyncIterator[FileUpload]:
        staged = self._staging.new_path()
        upload = FileUpload(await asyncio.to_thread(HashedFile, staged), staged, self._root)
        try:
            yield upload
        finally:
            await asyncio.to_thread(upload.discard)

    @asynccontextmanager
    async def read(self, name: str) -> AsyncIterator[AsyncIterator[bytes]]:
        # An open descriptor outlives the name: a delete during a read cuts nobody off.
        stream = await asyncio.to_thread(_path(self._root, name).open, "rb")
        try:
            yield _pieces(stream)
        finally:
            await asyncio.to_thread(stream.close)

    async def delete(self, name: str) -> None:
        path = _path(self._root, name)
        await asyncio.to_thread(path.unlink, missing_ok=True)

    async def older_than(self, cutoff: datetime) -> AsyncIterator[list[str]]:
        for shard in await asyncio.to_thread(lambda: list(self._root.iterdir())):
            names = await asyncio.to_thread(_old_names, shard, cutoff.timestamp())
            if names:
                yield names


class FileUpload:
    """One blob in staging."""

    def __init__(self, file: HashedFile, staged: Path, root: Path) -> None:
        self._file = file
        self._staged = staged
        self._root = root

    async def write(self, chunk: bytes) -> None:
        await asyncio.to_thread(self._file.write, chunk)

    async def commit(self) -> Sealed:
        return await asyncio.to_thread(self._commit)

    def _commit(self) -> Sealed:
        sha256 = self._file.seal()
        name = uuid.uuid4().hex
        target = _path(self._root, name)
        if not target.parent.exists():
            target.parent.mkdir(exist_ok=True)
            fsync_folder(self._root)
        failpoint("registry.blob.rename")
        self._staged.rename(target)
        fsync_folder(target.parent)
        return Sealed(name, self._file.bytes, sha256)

    def discard(self) -> None:
        """Close and remove what is still in staging."""
        self._file.close()
        self._staged.unlink(missing_ok=True)


def _path(root: Path, name: str) -> Path:
    # A name from a damaged row must not lead out of the folder.
    if len(name) != 32 or not set(name) <= set("0123456789abcdef"):
        raise ValueError("a blob's name is 32 hex characters")
    return root / name[:2] / name


async def _pieces(stream: BinaryIO) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(stream.read, _READ_BYTES):
        yield piece


def _old_names(shard: Path, cutoff: float) -> list[str]:
    found = []
    for path in shard.iterdir():
        try:
            if path.stat().st_mtime < cutoff:
                found.append(path.name)
        except FileNotFoundError:
            continue
    return found
