"""The day's counts over a restart of the machine: read from the file of the boot before, put back.

Monotonic time begins anew with each boot, so minutes and what was under way are lost, and may be:
the restart took longer. What was used in the day would be as good as given away; it is added up
over all processes of before, and stands as if one of them had counted it.

Knows entries, rows and days. Does not know files' heads, nor whose rows they are.
"""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from argosy.gateway.access import windows

# Hash of the name, the entry's own number, and a bit for each slot that has a row.
ENTRY: Final = struct.Struct("<16sq32s8x")

_WORD: Final = 8
_AT_ONCE: Final = 4096
_FIRST_SLOT: Final = b"\1".ljust(32, b"\0")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie in the file, in bytes; `capacity` in entries."""

    capacity: int
    directory: int
    first_region: int
    region: int

    def row(self, slot: int, index: int) -> int:
        """Return where a row begins."""
        return self.first_region + slot * self.region + index * windows.ROW_WORDS * _WORD


@dataclass(frozen=True, slots=True)
class Carried:
    """One subject's counts of the day, over all processes."""

    index: int
    digest: bytes
    number: int
    tokens: int
    cost: int


def read(fd: int, layout: Layout, slots: int, day: int) -> list[Carried]:
    """Return what was counted in `day` by the processes of the first `slots` regions."""
    found = []
    for index, (digest, number, present) in _entries(fd, layout):
        tokens = cost = 0
        for slot in range(slots):
            if not present[slot >> 3] >> (slot & 7) & 1:
                continue
            raw = os.pread(fd, windows.ROW_WORDS * _WORD, layout.row(slot, index))
            with memoryview(raw.ljust(windows.ROW_WORDS * _WORD, b"\0")).cast("q") as memory:
                words = windows.SharedWords(memory)
                tokens += windows.used_in_day([(words, 0)], windows.DAY_TOKENS, day)
                cost += windows.used_in_day([(words, 0)], windows.DAY_COST, day)
        if tokens > 0 or cost > 0:
            found.append(Carried(index, digest, number, max(tokens, 0), max(cost, 0)))
    return found


def write(fd: int, layout: Layout, carried: list[Carried], day: int) -> None:
    """Put the counts into the first region of a file that is empty. Raises OSError."""
    for each in carried:
        row = array("q", bytes(windows.ROW_WORDS * _WORD))
        with memoryview(row) as memory:
            windows.add_in_day(windows.SharedWords(memory), 0, day, each.tokens, each.cost)
        os.pwrite(fd, row.tobytes(), layout.row(0, each.index))
        entry = ENTRY.pack(each.digest, each.number, _FIRST_SLOT)
        os.pwrite(fd, entry, layout.directory + each.index * ENTRY.size)


def _entries(fd: int, layout: Layout) -> Iterator[tuple[int, tuple[bytes, int, bytes]]]:
    """Yield the index and the content of each entry that is in use."""
    for first in range(0, layout.capacity, _AT_ONCE):
        count = min(_AT_ONCE, layout.capacity - first)
        raw = os.pread(fd, count * ENTRY.size, layout.directory + first * ENTRY.size)
        whole = len(raw) // ENTRY.size * ENTRY.size
        for offset, entry in enumerate(ENTRY.iter_unpack(raw[:whole])):
            if entry[1]:
                yield first + offset, entry
