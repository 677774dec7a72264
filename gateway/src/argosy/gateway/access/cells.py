"""Rows of counts, one a subject (a key or a project) and process, found by the subject's name.

Knows which row is whose, over all processes that share the memory. Does not know limits.

The directory is a set-associative cache: a name's hash chooses a set of 32 places. In a set that is
full the place of an idle subject is given away, and where none is idle that of one in use, whose
counts begin again: memory is bounded, whatever comes. 100,000 subjects fill no set.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Final

from argosy.gateway.access import windows
from argosy.gateway.access.cells_carry import ENTRY
from argosy.gateway.access.cells_file import CHANGES, ENTRY_BYTES, CellsFile
from argosy.kit.clock import Clock

_log = logging.getLogger(__name__)

_SETS: Final = 8192
_PLACES: Final = 32
_DAY_SECONDS: Final = 86_400
_ALIVE_SECONDS: Final = 0.2


class Row:
    """One subject, as this process sees it: `words[row]` is the first word of its own row.

    `everyone` holds words and first word of each process that has a row, this one's among them, and
    the number that the process marks its row with.
    """

    __slots__ = ("digest", "epoch", "everyone", "index", "number", "row", "rows", "words")

    def __init__(self, digest: bytes) -> None:
        self.digest = digest
        self.index = self.number = self.epoch = -1
        self.row = 0
        self.words: windows.Words
        self.rows: windows.Rows = []
        self.everyone: list[tuple[windows.Words, int, int]] = []


class Cells:
    """All rows. One object a process; not for threads.

    `head[CHANGES] != seen` tells that other processes have added something: `refresh` then.
    """

    def __init__(self, clock: Clock, path: Path, *, sets: int = _SETS) -> None:
        """Raises OSError or CellsInUse; see `CellsFile`."""
        self._clock = clock
        self._sets = sets
        self._handles = sets * _PLACES
        self._file = CellsFile(path, sets * _PLACES, clock)
        self._wall_offset = self._file.wall_offset
        self._rows: dict[str, Row] = {}
        self._dead: set[int] = set()
        self._looked_at = float("-inf")
        self.head: memoryview | list[int] = self._file.head
        self.seen = self.head[CHANGES]
        self.epoch = 0

    def close(self) -> None:
        """Leave the shared memory."""
        self._file.close()

    def day(self, now: float) -> int:
        """Return the UTC day of a monotonic time, whatever has happened to the wall clock since."""
        return int(now + self._wall_offset) // _DAY_SECONDS

    def seconds_to_midnight(self, now: float) -> float:
        """Return the seconds until the next day of `day`."""
        return _DAY_SECONDS - (now + self._wall_offset) % _DAY_SECONDS

    def row(self, name: str) -> Row:
        """Return the row of a subject; `bind` it before use."""
        row = self._rows.get(name)
        if row is None:
            if len(self._rows) >= self._handles:
                self._rows.clear()
            digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
            row = self._rows[name] = Row(digest)
        return row

    def refresh(self) -> None:
        """Look at what other processes have added; every row must be bound again."""
        self.seen = self.head[CHANGES]
        self._file.map_regions()
        self._dead.clear()
        self.epoch += 1

    def bind(self, row: Row) -> None:
        """Bring `row` up to date; it is so while `row.epoch == epoch`. Raises OSError."""
        if row.index < 0:
            present = self._claim(row)
        else:
            digest, number, present = ENTRY.unpack(self._file.read_entries(row.index))
            if (digest, number) != (row.digest, row.number) or not self._has(present):
                present = self._claim(row)
        file = self._file
        row.row = first = row.index * windows.ROW_WORDS
        slots = [slot for slot in range(len(file.regions)) if _bit(present, slot)]
        row.words = file.regions[file.slot]
        row.rows = [(file.regions[slot], first) for slot in slots]
        row.everyone = [
            (file.regions[slot], first, file.owner_of(slot))
            for slot in slots
            if slot not in self._dead
        ]
        if row.words[first + windows.OWNER] != file.owner:
            # What the slot's last owner had under way is not under way any more.
            row.words[first + windows.UNDER_WAY] = 0
            row.words[first + windows.OWNER] = file.owner
        row.epoch = self.epoch

    def look_for_dead(self, now: float) -> bool:
        """Leave out what processes that are gone had under way; tell whether this call has looked.

        Every row must be bound again then.
        """
        if now - self._looked_at < _ALIVE_SECONDS:
            return False
        self._looked_at = now
        slots = range(len(self._file.regions))
        self._dead = {slot for slot in slots if not self._file.alive(slot)}
        self.epoch += 1
        return True

    def _has(self, present: bytes) -> bool:
        return _bit(present, self._file.slot)

    def _claim(self, row: Row) -> bytes:
        """Find or make the subject's entry and the own row; return who has one."""
        file = self._file
        with file.locked():
            entries = self._set_of(row.digest)
            found = next((e for e in entries if e[1] and e[2] == row.digest), None)
            if found is None:
                row.index, row.number, present = self._place(entries), file.number(), bytes(32)
            else:
                row.index, row.number, _, present = found
            if not self._has(present):
                file.clear_row(row.index)
                present = _with_bit(present, file.slot)
                file.write_entry(row.index, ENTRY.pack(row.digest, row.number, present))
            # Still under the lock: whatever comes after what was read here is news.
            self.refresh()
        return present

    def _set_of(self, digest: bytes) -> list[tuple[int, int, bytes, bytes]]:
        """Return index, number, digest and presence of each place in the digest's set."""
        first = int.from_bytes(digest[:8], "little") % self._sets * _PLACES
        raw = self._file.read_entries(first, _PLACES)
        entries = [ENTRY.unpack_from(raw, place * ENTRY_BYTES) for place in range(_PLACES)]
        return [(first + i, number, name, bits) for i, (name, number, bits) in enumerate(entries)]

    def _place(self, entries: list[tuple[int, int, bytes, bytes]]) -> int:
        """Return the index for a new subject: a free place, an idle one, or the oldest."""
        free = next((index for index, number, _, _ in entries if not number), None)
        if free is not None:
            return free
        now = self._clock.monotonic()
        second, day = int(now), self.day(now)
        for index, _, _, present in entries:
            if self._idle(index, present, second, day):
                return index
        _log.warning("no room for limits: the counts of a key or project in use begin again")
        return min(entries, key=lambda entry: entry[1])[0]

    def _idle(self, index: int, present: bytes, second: int, day: int) -> bool:
        row = index * windows.ROW_WORDS
        return all(
            windows.idle(words, row, second, day)
            for slot, words in enumerate(self._file.regions)
            if _bit(present, slot)
        )


def under_way(row: Row) -> int:
    """Return the subject's requests under way, over all processes that live."""
    total = 0
    for words, first, owner in row.everyone:
        if words[first + windows.OWNER] == owner:
            total += words[first + windows.UNDER_WAY]
    return total


def _bit(bits: bytes, slot: int) -> bool:
    return bool(bits[slot >> 3] >> (slot & 7) & 1)


def _with_bit(bits: bytes, slot: int) -> bytes:
    changed = bytearray(bits)
    changed[slot >> 3] |= 1 << (slot & 7)
    return bytes(changed)
