"""Log files of processes: opened for appending, kept below a size, their last lines.

Knows files. Does not know what is logged.
"""

from __future__ import annotations

import shutil
from collections import deque
from pathlib import Path
from typing import IO, Final

MAX_BYTES: Final = 64 << 20


def open_for_process(path: Path) -> IO[bytes]:
    """Open a log for a child to write to."""
    return path.open("ab", buffering=0)


def trim(path: Path, max_bytes: int = MAX_BYTES) -> bool:
    """Move the contents of an oversized log to `NAME.log.1` and empty it; tell whether it was.

    The writer appends, so its next line stands at the start of the emptied file. Lines written
    between the copy and the cut are lost.
    """
    try:
        if path.stat().st_size <= max_bytes:
            return False
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        with path.open("r+b") as file:
            file.truncate(0)
    except OSError:
        return False
    return True


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a log; none if there is no log."""
    try:
        with path.open("r", encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n") for line in deque(file, maxlen=lines)]
    except OSError:
        return []
