"""What a blob store promises. Knows bytes and names of its own making, never a user's name.

Adding one: write aside, make durable, then show under the final name in one step; answer reads
that began before a delete; list what is older than a cutoff, so that what no row names can go.
Adapters' folders must be reachable as a path, since engines open them by path.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was stored: the name to find it by, its size in bytes, its SHA-256 in hex."""

    name: str
    bytes: int
    sha256: str


class BlobUpload(Protocol):
    """One blob on its way in."""

    async def write(self, chunk: bytes) -> None:
        """Append bytes to the blob, aside from what readers see."""
        ...

    async def commit(self) -> Sealed:
        """Make the blob durable and readable under a new name."""
        ...


class BlobStore(Protocol):
    """Bytes of files."""

    def upload(self) -> AbstractAsyncContextManager[BlobUpload]:
        """Begin a blob; leaving the context without `commit` leaves nothing behind."""
        ...

    def read(self, name: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a blob for reading in pieces of at most 1 MiB; FileNotFoundError if it is gone."""
        ...

    async def delete(self, name: str) -> None:
        """Remove a blob; one that is not there is removed already."""
        ...

    def older_than(self, cutoff: datetime) -> AsyncIterator[list[str]]:
        """Yield, in batches, the names of blobs last written before `cutoff`."""
        ...


class AdapterUpload(Protocol):
    """One adapter's files on their way in."""

    async def begin(self, file_name: str) -> None:
        """Start the next file; the caller has judged the name."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Append bytes to the file that was begun last."""
        ...

    async def commit(self) -> Sealed:
        """Make all files durable and show them as one folder under a new name."""
        ...


class AdapterStore(Protocol):
    """Folders of adapters, as the engines see them."""

    def upload(self) -> AbstractAsyncContextManager[AdapterUpload]:
        """Begin an adapter; leaving the context without `commit` leaves nothing behind."""
        ...

    def path(self, name: str) -> str:
        """Return the absolute path of an adapter's folder."""
        ...

    async def delete(self, name: str) -> None:
        """Remove an adapter's folder; one that is not there is removed already."""
        ...

    def older_than(self, cutoff: datetime) -> AsyncIterator[list[str]]:
        """Yield, in batches, the names of adapters written before `cutoff`."""
        ...
