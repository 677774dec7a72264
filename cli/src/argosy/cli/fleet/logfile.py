"""Log files of processes: opened for appending, kept below a size, their last lines.

Knows files, and where a line says its time. Does not know what is logged.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections import deque
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import IO, Final

from argosy.api import ids

# Tells whether a line is of interest.
Wanted = Callable[[str], bool]

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


def everything(_: str) -> bool:
    """Let every line through."""
    return True


def about(request_id: str, traces: Collection[str] = ()) -> Wanted:
    """Return what tells whether a line is about a request, or about what it caused in `traces`.

    Its digits stand in the id of its usage event too, and in that of its trace where the caller
    brought none: so lines of other processes are found that do not know the request.
    """
    digits = request_id.removeprefix(ids.REQUEST)

    def wanted(line: str) -> bool:
        if digits in line:
            return True
        if not any(trace in line for trace in traces):
            return False
        # A caller may have made several requests within one trace.
        return "request_id" not in _fields(line)

    return wanted


def traces(lines: Iterable[str]) -> set[str]:
    """Return the ids of the traces that lines belong to."""
    return {str(found["trace_id"]) for line in lines if "trace_id" in (found := _fields(line))}


def time_of(line: str) -> str:
    """Return when a line was written, as text that sorts; empty if it does not say."""
    return str(_fields(line).get("time", ""))


def tail(path: Path, lines: int, wanted: Wanted = everything) -> list[str]:
    """Return the last lines of a log that are wanted; none if there is no log.

    What an oversized log was cut by is read too where only some lines are wanted.
    """
    older = [path.with_name(f"{path.name}.1")] if wanted is not everything else []
    found: deque[str] = deque(maxlen=lines)
    for each in (*older, path):
        with (
            contextlib.suppress(OSError),
            each.open("r", encoding="utf-8", errors="replace") as file,
        ):
            found.extend(line.rstrip("\n") for line in file if wanted(line))
    return list(found)


def _fields(line: str) -> dict[str, object]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
