"""Processes that outlived the supervisor that started them: find them, end them.

A process belongs to a home if it is a recorded process (pid and start time, same boot), is in such
a process's group, or carries the home's mark in its environment. Reads `/proc`; on systems without
it nothing is found.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy.cli.fleet.environment import MARK

_PROC: Final = Path("/proc")
_GONE_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Recorded:
    """A process as it was written down: `start_ticks` makes the pid unmistakable."""

    pid: int
    start_ticks: int


@dataclass(frozen=True)
class _Process:
    pid: int
    group: int
    start_ticks: int


def boot_id() -> str:
    """Return a name for this boot of the machine; start times mean nothing in another one."""
    with contextlib.suppress(OSError):
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return ""


def find(home: Path, recorded: Iterable[Recorded]) -> set[int]:
    """Return the pids of the home's processes, without this process and its ancestors."""
    known = {r.pid: r.start_ticks for r in recorded}
    mark = f"{MARK}={home}".encode()
    alive = {process.pid: process for process in _processes()}
    mine = with_ancestors(os.getpid())
    found = set()
    for process in alive.values():
        started = known.get(process.group)
        leader = alive.get(process.group)
        # A group number names the recorded group while its leader is the recorded one or gone.
        in_group = (
            started is not None
            and process.start_ticks >= started
            and (leader is None or leader.start_ticks == started)
        )
        if process.pid not in mine and (in_group or _marked(process.pid, mark)):
            found.add(process.pid)
    return found


def end(home: Path, recorded: Iterable[Recorded]) -> int:
    """SIGKILL the home's processes until none is left; return how many there were."""
    known = list(recorded)
    ended: set[int] = set()
    give_up = time.monotonic() + _GONE_SECONDS
    while (found := find(home, known)) and time.monotonic() < give_up:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        ended |= found
        time.sleep(0.02)
    return len(ended)


def _processes() -> Iterator[_Process]:
    for entry in _PROC.iterdir() if _PROC.is_dir() else ():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                # Fields after the name in parentheses: state, ppid, pgrp … start time (22nd).
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if fields[0] not in {"Z", "X"}:
                    yield _Process(int(entry.name), int(fields[2]), int(fields[19]))


def _marked(pid: int, mark: bytes) -> bool:
    try:
        return mark in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def with_ancestors(pid: int) -> set[int]:
    """Return `pid` and the pids of its parent, its parent's parent and so on."""
    line = set()
    while pid > 0 and pid not in line:
        line.add(pid)
        try:
            pid = int((_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            break
    return line
