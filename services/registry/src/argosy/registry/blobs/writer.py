"""Writes one file and hashes it on the way. Blocking; its callers run it in a thread."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


class HashedFile:
    """A new file at `path`; knows its size in bytes and its SHA-256."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._stream = os.fdopen(os.open(path, flags, 0o644), "wb", buffering=0)
        self._hash = hashlib.sha256()
        self.bytes = 0

    def write(self, chunk: bytes) -> None:
        """Append `chunk` whole; OSError (ENOSPC) if the disk is full."""
        view = memoryview(chunk)
        while view:
            view = view[self._stream.write(view) :]
        self._hash.update(chunk)
        self.bytes += len(chunk)

    def seal(self) -> str:
        """Make the bytes durable, close the file and return the SHA-256 in hex."""
        os.fsync(self._stream.fileno())
        self._stream.close()
        return self._hash.hexdigest()

    def close(self) -> None:
        """Close the file, whatever its state."""
        self._stream.close()
