"""Rows of counts for a process that shares them with none: lists, which cost less than memory maps.

Holds what `Cells` holds, without a file: each name has one row, and nothing is ever news. Memory is
bounded: where there is no more room, idle subjects make it, then the one that was met first, whose
counts begin again. Does not know limits.
"""

from __future__ import annotations

import logging
from typing import Final

from argosy.gateway.access import windows
from argosy.gateway.access.cells import Cells, Row
from argosy.gateway.access.cells_file import CHANGES
from argosy.kit.clock import Clock

_log = logging.getLogger(__name__)

# Subjects at the same time; a row of them takes some kilobytes.
_ROWS: Final = 1 << 16


class LocalCells(Cells):
    """All rows of a process that is alone."""

    def __init__(self, clock: Clock, *, rows: int = _ROWS) -> None:
        self._clock = clock
        self._wall_offset = clock.now().timestamp() - clock.monotonic()
        self._handles = rows
        self._rows: dict[str, Row] = {}
        self._most = rows
        self._words: dict[bytes, windows.Words] = {}
        self.head = [0] * (CHANGES + 1)
        self.seen = 0
        self.epoch = 0

    def close(self) -> None:
        """Nothing is open."""

    def refresh(self) -> None:
        """Nobody else adds anything."""

    def bind(self, row: Row) -> None:
        """Bring `row` up to date; it is so while `row.epoch == epoch`."""
        words = self._words.get(row.digest)
        if words is None:
            if len(self._words) >= self._most:
                self._make_room()
            words = self._words[row.digest] = windows.Words(windows.ROW_WORDS)
        row.words = words
        row.rows = [(words, 0)]
        row.everyone = [(words, 0, 0)]
        row.epoch = self.epoch

    def look_for_dead(self, now: float) -> bool:
        """Tell that nobody else can have died."""
        return False

    def _make_room(self) -> None:
        now = self._clock.monotonic()
        second, day = int(now), self.day(now)
        idle = [d for d, words in self._words.items() if windows.idle(words, 0, second, day)]
        if not idle:
            _log.warning("no room for limits: the counts of a key or project in use begin again")
            idle = [next(iter(self._words))]
        for digest in idle:
            del self._words[digest]
        # Whoever holds one of these binds it anew, and shares what another may have made meanwhile.
        self.epoch += 1
