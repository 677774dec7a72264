"""Child processes on chosen processors, and what the kernel says of them: CPU, memory, open files.

Knows Linux' /proc. Does not know what the processes are for.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_END_SECONDS: Final = 10.0
_PARENT_FIELD: Final = 1  # of /proc/PID/stat, counted behind the name in parentheses
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Cores:
    """Which processors the gateway may use, and which the engine and the clients."""

    gateway: tuple[int, ...]
    engine: tuple[int, ...]
    clients: tuple[int, ...]


def share_cores(available: Sequence[int], *, for_gateway: int = 1) -> Cores:
    """Return the processors for each part; the gateway has its own where there are two or more."""
    if len(available) < 2:
        everything = tuple(available)
        return Cores(everything, everything, everything)
    gateway = tuple(available[: min(for_gateway, len(available) - 1)])
    rest = available[len(gateway) :]
    return Cores(gateway, (rest[0],), (rest[-1],))


class Child:
    """A process and all that it started."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.pid = process.pid
        self.log = log
        self._process = process

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def tree(self) -> list[int]:
        """Return the ids of the process and its descendants."""
        children: dict[int, list[int]] = {}
        for entry in _PROC.iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    children.setdefault(int(fields[_PARENT_FIELD]), []).append(int(entry.name))
        found = [self.pid]
        for pid in found:
            found.extend(children.get(pid, ()))
        return found

    def cpu_ns(self) -> int:
        """Return the CPU time of all threads that live, in ns."""
        total = 0
        for pid in self.tree():
            for task in _entries(_PROC / str(pid) / "task"):
                with contextlib.suppress(OSError):
                    total += int((task / "schedstat").read_text().split()[0])
        return total

    def resident_bytes(self) -> dict[int, int]:
        """Return the resident set of each process of the tree."""
        resident = {}
        for pid in self.tree():
            with contextlib.suppress(OSError):
                pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
                resident[pid] = pages * _PAGE
        return resident

    def open_files(self) -> int:
        """Return the number of open file descriptors of the whole tree."""
        return sum(len(_entries(_PROC / str(pid) / "fd")) for pid in self.tree())

    def stop(self) -> None:
        """Ask the process to end, wait, and end its whole group if it does not."""
        if not self.ended:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait(_END_SECONDS)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    *,
    cores: Sequence[int],
    folder: Path,
    environment: dict[str, str] | None = None,
) -> Iterator[Child]:
    """Run a command on `cores` for the time of the block; its output goes to a file in `folder`."""
    words = pinned(command, cores)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".log", delete=False) as log:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
    child = Child(process, Path(log.name))
    try:
        yield child
    finally:
        child.stop()


def pinned(command: Sequence[str | Path], cores: Sequence[int]) -> list[str]:
    """Return the command that runs `command` on `cores` only, in its own process."""
    return ["taskset", "-c", ",".join(map(str, cores)), *map(str, command)]
