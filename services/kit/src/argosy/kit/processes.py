"""Child processes that leave no orphans: own session, death signal, stop by group with a deadline.

Knows processes. Does not know what they run or when to restart them.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import SystemRandom
from typing import IO, Final

_PR_SET_PDEATHSIG: Final = 1
# Below the range that Linux takes the near ends of connections from: between the finding of a port
# and its use, any connection of the machine might else be given it.
_LISTENED_ON: Final = range(12_000, 32_000)
_ATTEMPTS: Final = 100


def dying_with_parent(death_signal: signal.Signals) -> Callable[[], object]:
    """Return what a child runs first (`preexec_fn`) to get `death_signal` when its parent ends.

    Its parent is the thread that forked. On Linux alone; elsewhere it does nothing.
    """
    if sys.platform != "linux":
        return lambda: None
    # Here, so that a process that starts no other one does not have its 300 kB.
    import ctypes

    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, int(death_signal))


async def spawn(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: int | IO[bytes] = asyncio.subprocess.DEVNULL,
    stdout: int | IO[bytes] | None,
    stderr: int | IO[bytes] | None,
    death_signal: signal.Signals = signal.SIGKILL,
    line_limit: int = 1 << 20,
) -> asyncio.subprocess.Process:
    """Start `command` in a session (so a process group) of its own.

    The child gets `death_signal` if this process dies. Call it from the main thread: the kernel
    ties the death signal to the thread that forked. `None` for a stream is this process's own;
    `line_limit` bounds a line of a piped stdout.
    """
    return await asyncio.create_subprocess_exec(
        *command,
        env=dict(env),
        cwd=cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=dying_with_parent(death_signal),
        limit=line_limit,
    )


def signal_group(pgid: int, which: signal.Signals) -> bool:
    """Send a signal to a process group; tell whether the group had a member."""
    try:
        os.killpg(pgid, which)
    except ProcessLookupError:
        return False
    except PermissionError:
        # A group whose last member is a zombie of another session's leader: nothing to signal.
        return False
    return True


async def terminate_group(
    process: asyncio.subprocess.Process,
    grace_seconds: float,
    *,
    first: signal.Signals = signal.SIGTERM,
) -> int:
    """Stop the child and everything in its group; return the child's exit status.

    Sends `first`, waits up to `grace_seconds` for the child, then kills what is left of the
    group. The child is reaped when this returns.
    """
    if process.returncode is None:
        signal_group(process.pid, first)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), grace_seconds)
    signal_group(process.pid, signal.SIGKILL)
    return await process.wait()


def start_time(pid: int) -> int | None:
    """Return when `pid` started, in clock ticks since boot; None if there is no such process.

    A pid and its start time together name a process for good: pids are used again.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name is in parentheses and may hold anything; fields count from after it.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def free_port(host: str = "127.0.0.1") -> int:
    """Return a TCP port that was free a moment ago, and is given to no outgoing connection.

    Raises OSError where none of many is free.
    """
    for port in SystemRandom().sample(_LISTENED_ON, _ATTEMPTS):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((host, port))
            return port
    raise OSError(errno.EADDRINUSE, f"no free port on {host} among {_ATTEMPTS} tried")
