"""A bounded queue of records on disk that outlives the process.

Records go to the end of the newest segment, a file whose space is taken on disk beforehand and
mapped into memory: what was appended belongs to the kernel when `append` returns, without a system
call. `kill -9` loses nothing, a power cut what was not yet synced. A record is its length and
CRC-32 (4 bytes each, big endian) and its bytes, at least one; a segment ends at a length of 0, and
one that is torn or damaged ends it too. Knows files. Does not know what a record is.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

_HEAD: Final = struct.Struct(">II")
_SUFFIX: Final = ".spool"
_ASIDE: Final = ".damaged"


class SpoolFull(Exception):
    """The spool holds as much as it may; the record was not taken."""


class Spool:
    """One process's folder of segments. The newest is written, the sealed ones are drained."""

    def __init__(
        self, folder: Path, *, max_bytes: int = 64 << 20, segment_bytes: int = 1 << 20
    ) -> None:
        """Raises BlockingIOError if another process uses the folder, OSError if it cannot."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._lock = (folder / "lock").open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._sealed = sorted(folder.glob("*" + _SUFFIX))
        self._sealed_bytes = sum(path.stat().st_size for path in self._sealed)
        self._next = int(self._sealed[-1].stem) + 1 if self._sealed else 1
        self._file = -1
        self._map: mmap.mmap | None = None
        self._room = 0
        self._path = folder
        self._written = 0

    def append(self, record: bytes) -> None:
        """Add a record. Raises SpoolFull, or OSError if the disk has no room for a segment."""
        size = _HEAD.size + len(record)
        end = self._written + size
        if self._sealed_bytes + end > self._max_bytes:
            raise SpoolFull(f"The spool {self._folder} holds {self.size} bytes.")
        if end > self._room:
            self.seal()
            self._open(size)
            end = size
        assert self._map is not None  # noqa: S101 - opened above
        self._map[end - size : end] = _HEAD.pack(len(record), zlib.crc32(record)) + record
        self._written = end

    def seal(self) -> None:
        """Close the segment that is written, so that it can be drained."""
        if self._map is not None:
            self._map.close()
            self._map = None
            os.ftruncate(self._file, self._written)
            os.close(self._file)
            self._room = 0
            self._sealed.append(self._path)
            self._sealed_bytes += self._written
            self._written = 0

    def sealed(self) -> list[Path]:
        """Return the segments to drain, oldest first."""
        return list(self._sealed)

    def remove(self, segment: Path) -> None:
        """Delete a drained segment."""
        self._sealed_bytes -= segment.stat().st_size
        self._sealed.remove(segment)
        segment.unlink()

    def set_aside(self, segment: Path) -> Path:
        """Keep a drained segment that is damaged, under a name that nobody drains; return it."""
        self._sealed_bytes -= segment.stat().st_size
        self._sealed.remove(segment)
        return segment.rename(segment.with_suffix(_ASIDE))

    @property
    def size(self) -> int:
        """Bytes on disk that are not drained."""
        return self._sealed_bytes + self._written

    def close(self) -> None:
        """Seal and let another process have the folder."""
        self.seal()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, least: int) -> None:
        room = max(least, self._segment_bytes)
        path = self._folder / f"{self._next:012d}{_SUFFIX}"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # Writing to a page that the disk has no room for would end the process.
            os.posix_fallocate(file, 0, room)
            self._map = mmap.mmap(file, room)
        except OSError:
            os.close(file)
            path.unlink()
            raise
        self._file, self._path, self._room = file, path, room
        self._next += 1


def read(segment: Path) -> tuple[list[bytes], bool]:
    """Return the records of a sealed segment up to one that is damaged, and whether one is."""
    data = segment.read_bytes()
    found = list(_records(data))
    end = sum(_HEAD.size + len(record) for record in found)
    # What comes after the last record is room that was taken for more: zeros.
    return found, bool(data[end:].strip(b"\0"))


def _records(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + _HEAD.size <= len(data):
        length, crc = _HEAD.unpack_from(data, at)
        record = data[at + _HEAD.size : at + _HEAD.size + length]
        if not length or len(record) != length or zlib.crc32(record) != crc:
            return
        yield record
        at += _HEAD.size + length


def sync(segment: Path) -> None:
    """Make a segment survive a power cut; blocks, so call it in a thread."""
    with segment.open("rb") as file:
        os.fsync(file.fileno())
