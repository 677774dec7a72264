"""What a process holds at this moment: memory and open files, as the kernel counts them."""

from __future__ import annotations

import os
import resource
from pathlib import Path


def resident(pid: int) -> int:
    """Return the resident memory in bytes."""
    return _status(pid, "VmRSS")


def peak(pid: int) -> int:
    """Return the most resident memory since the start, or since `forget_peak`, in bytes."""
    return _status(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Let `peak` begin anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def descriptors(pid: int) -> int:
    """Return how many files and sockets are open."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names only, and many


def affordable_connections(wanted: int) -> int:
    """Return `wanted`, or what this process and one that it starts may have open with room left."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(wanted, soft - 500)


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
