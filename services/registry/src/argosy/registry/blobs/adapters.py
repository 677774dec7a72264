"""Adapters as folders: `adapters/<32 hex characters>/`, each shown whole or not at all.

A folder never changes after it is shown, and its name is never used twice: an engine that has it
open and a sweep that removes leftovers cannot meet a half-written or a newer one.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from argosy.kit.failpoints import failpoint
from argosy.registry.blobs.contract import Sealed
from argosy.registry.blobs.staging import Staging, fsync_folder
from argosy.registry.blobs.writer import HashedFile


class AdapterFolders:
    """Implements `AdapterStore` under `root`/adapters."""

    def __init__(self, root: Path, staging: Staging) -> None:
        self._root = (root / "adapters").absolute()
        self._root.mkdir(parents=True, exist_ok=True)
        self._staging = staging

    @asynccontextmanager
    async def upload(self) -> AsyncIterator[FolderUpload]:
        upload = FolderUpload(self._staging.new_path(), self._root)
        try:
            yield upload
        finally:
            await asyncio.to_thread(upload.discard)

    def path(self, name: str) -> str:
        return str(self._root / name)

    async def delete(self, name: str) -> None:
        await asyncio.to_thread(self._delete, name)

    def _delete(self, name: str) -> None:
        # Renamed away first: a folder is there or is not, also for a reader during the removal.
        gone = self._staging.new_path()
        try:
            (self._root / name).rename(gone)
        except FileNotFoundError:
            return
        fsync_folder(self._root)
        shutil.rmtree(gone, ignore_errors=True)

    async def older_than(self, cutoff: datetime) -> AsyncIterator[list[str]]:
        names = await asyncio.to_thread(_old_names, self._root, cutoff.timestamp())
        if names:
            yield names


class FolderUpload:
    """One adapter in staging."""

    def __init__(self, staged: Path, root: Path) -> None:
        staged.mkdir(mode=0o755)
        self._staged = staged
        self._root = root
        self._open: HashedFile | None = None
        self._name = ""
        self._bytes = 0
        self._hashes: dict[str, str] = {}

    async def begin(self, file_name: str) -> None:
        await asyncio.to_thread(self._begin, file_name)

    def _begin(self, file_name: str) -> None:
        self._seal_open()
        self._name = file_name
        self._open = HashedFile(self._staged / file_name)

    async def write(self, chunk: bytes) -> None:
        if self._open is None:
            raise RuntimeError("write before begin")
        await asyncio.to_thread(self._open.write, chunk)

    async def commit(self) -> Sealed:
        return await asyncio.to_thread(self._commit)

    def _commit(self) -> Sealed:
        self._seal_open()
        fsync_folder(self._staged)
        name = uuid.uuid4().hex
        failpoint("registry.adapter.rename")
        self._staged.rename(self._root / name)
        fsync_folder(self._root)
        # One hash for the whole: over the files' names and hashes, in the order of the names.
        whole = hashlib.sha256(
            "".join(f"{n} {h}\n" for n, h in sorted(self._hashes.items())).encode()
        )
        return Sealed(name, self._bytes, whole.hexdigest())

    def _seal_open(self) -> None:
        if self._open is None:
            return
        self._hashes[self._name] = self._open.seal()
        self._bytes += self._open.bytes
        self._open = None

    def discard(self) -> None:
        """Close and remove what is still in staging."""
        if self._open is not None:
            self._open.close()
        shutil.rmtree(self._staged, ignore_errors=True)


def _old_names(root: Path, cutoff: float) -> list[str]:
    found = []
    for path in root.iterdir():
        try:
            if path.stat().st_mtime < cutoff:
                found.append(path.name)
        except FileNotFoundError:
            continue
    return found
