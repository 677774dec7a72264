"""The memory that processes of one machine share: opened, laid out, a part of it made one's own.

    head       64-bit words, see below, and 256 slots: pid, start time, and a number of their own
    directory  entries of 64 bytes: who has which row
    region 0   the rows of the process in slot 0
    region 1   …

A process writes the rows of its own region and reads all. The head and the directory are written
under the file's lock, which a process takes when it starts and when it meets a subject for the
first time, never for a request as such. Lock and slot of a process that is killed are free at
once; what it counted stays, and the next owner of its slot goes on from there. Nothing is mapped
before it has been written: a full disk is an error when a row is made and no signal later.

Knows files, processes and where things lie. Does not know what is counted. Processes must see each
other's pids: one machine, one container.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import mmap
import os
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from argosy.gateway.access import cells_carry
from argosy.gateway.access.cells_carry import Layout
from argosy.gateway.access.windows import ROW_WORDS, SharedWords
from argosy.kit.clock import Clock
from argosy.kit.processes import start_time

_WORD: Final = 8
SLOTS: Final = 256
ENTRY_BYTES: Final = 64
_LAYOUT: Final = 0x41524C494D495403
_MICRO: Final = 1_000_000
_DAY_SECONDS: Final = 86_400

# Words of the head.
_FORM: Final = 0
_CAPACITY: Final = 1
_BOOT: Final = 2
_ANCHOR: Final = 3
_REGIONS: Final = 4
_NUMBER: Final = 5
CHANGES: Final = 6
_SLOT_TABLE: Final = 16
_PID: Final = 0
_STARTED: Final = 1
_OWNER: Final = 2
_SLOT_WORDS: Final = 3
_HEAD_WORDS: Final = _SLOT_TABLE + _SLOT_WORDS * SLOTS


class CellsInUse(Exception):
    """The file is not ours to use."""


class CellsFile:
    """The file. `head` and `regions` are 64-bit words; `slot` is this process's region."""

    def __init__(self, path: Path, capacity: int, clock: Clock) -> None:
        """Open or make the file and take a slot.

        `capacity` is the number of rows of a region. Raises OSError or CellsInUse.
        """
        self._capacity = capacity
        self._directory = _pages(_HEAD_WORDS * _WORD)
        self._first_region = self._directory + _pages(capacity * ENTRY_BYTES)
        self._region_bytes = _pages(capacity * ROW_WORDS * _WORD)
        self._maps: list[mmap.mmap] = []
        self.regions: list[SharedWords] = []
        self._fd = _open(path)
        try:
            with self.locked():
                self._prepare(clock)
                self.head = self._map(0, self._directory)
                self.slot = self._claim()
                self.owner = self.owner_of(self.slot)
        except BaseException:
            os.close(self._fd)
            raise

    @property
    def wall_offset(self) -> float:
        """Seconds from monotonic time to UTC, as they were when the file was made."""
        return self.head[_ANCHOR] / _MICRO

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock under which the head and the directory are written."""
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def read_entries(self, first: int, count: int = 1) -> bytes:
        """Return directory entries; those never written are zeros."""
        length = count * ENTRY_BYTES
        return os.pread(self._fd, length, self._directory + first * ENTRY_BYTES).ljust(
            length, b"\0"
        )

    def write_entry(self, index: int, entry: bytes) -> None:
        """Write a directory entry, and tell the others. Raises OSError if there is no room."""
        os.pwrite(self._fd, entry, self._directory + index * ENTRY_BYTES)
        self.head[CHANGES] += 1

    def clear_row(self, index: int) -> None:
        """Make a row of the own region, all zeros. Raises OSError if there is no room."""
        begin = self._first_region + self.slot * self._region_bytes
        os.pwrite(self._fd, bytes(ROW_WORDS * _WORD), begin + index * ROW_WORDS * _WORD)

    def number(self) -> int:
        """Return a number that was never returned before; under the lock."""
        self.head[_NUMBER] += 1
        return self.head[_NUMBER]

    def map_regions(self) -> None:
        """Map the regions that other processes have added."""
        for index in range(len(self.regions), self.head[_REGIONS]):
            offset = self._first_region + index * self._region_bytes
            self.regions.append(SharedWords(self._map(offset, self._region_bytes)))

    def owner_of(self, slot: int) -> int:
        """Return the number that the present owner of a slot marks its rows with."""
        return self.head[_SLOT_TABLE + slot * _SLOT_WORDS + _OWNER]

    def alive(self, slot: int) -> bool:
        """Tell whether the owner of a slot lives."""
        at = _SLOT_TABLE + slot * _SLOT_WORDS
        pid = self.head[at + _PID]
        return pid != 0 and start_time(pid) == self.head[at + _STARTED]

    def close(self) -> None:
        """Give the slot back; what was counted stays."""
        with self.locked():
            self._own(self.slot, 0)
        self.head.release()
        for region in self.regions:
            region.release()
        for mapped in self._maps:
            mapped.close()
        os.close(self._fd)

    def _prepare(self, clock: Clock) -> None:
        """Lay the file out, unless it is as it should be and of this boot.

        Of a boot before, the day's counts are kept.
        """
        size = _HEAD_WORDS * _WORD
        boot = _boot()
        with memoryview(os.pread(self._fd, size, 0).ljust(size, b"\0")).cast("q") as found:
            if (found[_FORM], found[_CAPACITY], found[_BOOT]) == (_LAYOUT, self._capacity, boot):
                return
            known = (found[_FORM], found[_CAPACITY]) == (_LAYOUT, self._capacity)
            slots, number = (found[_REGIONS], found[_NUMBER]) if known else (0, 0)
            pids = found[_SLOT_TABLE::_SLOT_WORDS].tolist()
            started = found[_SLOT_TABLE + _STARTED :: _SLOT_WORDS].tolist()
        # Cut off under a process that maps it, the file would kill that process.
        if any(pid and start_time(pid) == at for pid, at in zip(pids, started, strict=False)):
            raise CellsInUse("the limits file is in use by another version of this program")
        layout = Layout(self._capacity, self._directory, self._first_region, self._region_bytes)
        day = int(clock.now().timestamp()) // _DAY_SECONDS
        carried = cells_carry.read(self._fd, layout, min(max(slots, 0), SLOTS), day)
        os.ftruncate(self._fd, 0)
        head = array("q", bytes(self._directory))
        head[_FORM] = _LAYOUT
        head[_CAPACITY] = self._capacity
        head[_BOOT] = boot
        head[_ANCHOR] = round((clock.now().timestamp() - clock.monotonic()) * _MICRO)
        if carried:
            os.ftruncate(self._fd, self._first_region + self._region_bytes)
            head[_REGIONS] = 1
            head[_NUMBER] = number
        # The head comes last: a file without it is laid out again.
        cells_carry.write(self._fd, layout, carried, day)
        os.pwrite(self._fd, head.tobytes(), 0)

    def _claim(self) -> int:
        """Take the slot of a process that is gone, or a new one."""
        count = self.head[_REGIONS]
        slot = next((slot for slot in range(count) if not self.alive(slot)), count)
        if slot == SLOTS:
            raise CellsInUse(f"{SLOTS} processes share the limits file already")
        if slot == count:
            os.ftruncate(self._fd, self._first_region + (slot + 1) * self._region_bytes)
            self.head[_REGIONS] = slot + 1
        self.map_regions()
        self._own(slot, os.getpid())
        return slot

    def _own(self, slot: int, pid: int) -> None:
        at = _SLOT_TABLE + slot * _SLOT_WORDS
        self.head[at + _OWNER] = self.number()
        self.head[at + _STARTED] = (start_time(pid) or 0) if pid else 0
        self.head[at + _PID] = pid
        self.head[CHANGES] += 1

    def _map(self, offset: int, length: int) -> memoryview:
        mapped = mmap.mmap(self._fd, length, offset=offset)
        self._maps.append(mapped)
        return memoryview(mapped).cast("q")


def _pages(size: int) -> int:
    unit = mmap.ALLOCATIONGRANULARITY
    return -(-size // unit) * unit


def _boot() -> int:
    """Return a number for this boot of the machine: monotonic time begins anew with each."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except FileNotFoundError:
        return 0
    return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest(), "big")


def _open(path: Path) -> int:
    # Nobody can lay a link for us in /proc: there it is another process's open file.
    follow = 0 if path.is_relative_to("/proc") else os.O_NOFOLLOW
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | follow, 0o600)
    if os.fstat(fd).st_uid != os.geteuid():
        os.close(fd)
        raise CellsInUse(f"{path} belongs to another user")
    return fd
