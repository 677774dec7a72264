"""The training child: started in a session of its own with a clean environment, heard, ended.

Also ends children that a dead supervisor left behind. Knows processes. Does not know the protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from argosy.kit import processes
from argosy.trainer.runs.workdir import WorkDir

_log = logging.getLogger(__name__)

# What a child may know of its surroundings. No secret has one of these names.
_NAMES: Final = frozenset(
    {
        "PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH",
        "LD_LIBRARY_PATH", "LD_PRELOAD", "XDG_CACHE_HOME", "OMP_NUM_THREADS", "MKL_NUM_THREADS",
        "ARGOSY_FAILPOINTS",
    }
)  # fmt: skip
_PREFIXES: Final = ("CUDA_", "NVIDIA_", "NCCL_", "PYTORCH_", "TORCH_", "TRITON_")
# Marks a child and its children, so that they are known when their parent is gone.
_MARK: Final = "ARGOSY_RUN_OF"
_REAP_SECONDS: Final = 10.0
_LONGEST_LINE: Final = 1 << 20


class Stalled(Exception):
    """The child said nothing for too long."""


def clean_environment(surroundings: Mapping[str, str], job_id: str) -> dict[str, str]:
    """Return what a child of `job_id` gets to know of the supervisor's environment."""
    kept = {
        name: value
        for name, value in surroundings.items()
        if name in _NAMES or name.startswith(_PREFIXES)
    }
    return kept | {_MARK: job_id}


class Child:
    """One child of a run. `stop` must be awaited at the end, whatever happened before."""

    def __init__(
        self, command: Sequence[str], workdir: WorkDir, environment: Mapping[str, str]
    ) -> None:
        self._command = [*command, str(workdir.path)]
        self._workdir = workdir
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run the command with the run's folder as its last argument. Raises OSError."""
        with await asyncio.to_thread(self._workdir.log.open, "ab") as log:
            self._process = await processes.spawn(
                self._command,
                env=self._environment,
                cwd=self._workdir.path,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                line_limit=_LONGEST_LINE,
            )
        pid = self._process.pid
        self._sweeper = asyncio.create_task(_sweep(pid), name="sweep after child")
        record = {"pid": pid, "start_time": processes.start_time(pid)}
        await asyncio.to_thread(self._workdir.child_file.write_text, json.dumps(record))

    async def lines(self, stall_seconds: float) -> AsyncIterator[bytes]:
        """Yield what the child prints, a line each, until it closes its output.

        Raises `Stalled`. A line longer than 1 MiB is noise; at most its end is seen.
        """
        stdout = None if self._process is None else self._process.stdout
        if stdout is None:
            raise ValueError("the child was not started")
        while True:
            try:
                async with asyncio.timeout(stall_seconds):
                    line = await stdout.readline()
            except TimeoutError:
                raise Stalled from None
            except ValueError:
                continue
            if not line:
                return
            yield line

    async def stop(self, grace_seconds: float, *, linger_seconds: float = 0.0) -> int:
        """End the child and its group, reap it, return its exit status; 0 if it never started.

        It may end by itself for `linger_seconds`; then it is asked, and after `grace_seconds`
        killed.
        """
        if self._process is None:
            return 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(linger_seconds):
                await self._process.wait()
        status = await processes.terminate_group(self._process, grace_seconds)
        if self._sweeper is not None:
            self._sweeper.cancel()
        await asyncio.to_thread(self._workdir.child_file.unlink, missing_ok=True)
        return status


async def _sweep(pid: int) -> None:
    """When the child has ended, end what it started: that may hold the pipe open.

    Not by `wait` of the process: in some event loops that waits for the pipe, too.
    """
    with contextlib.suppress(ProcessLookupError):
        await _end_of(pid)
    processes.signal_group(pid, signal.SIGKILL)


async def _end_of(pid: int) -> None:
    """Wait until a process has ended, reaped or not. Raises ProcessLookupError if it was reaped."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    handle = os.pidfd_open(pid)
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


async def reap(workdir: WorkDir, job_id: str) -> bool:
    """Kill a child that a supervisor before this one left; tell whether there was one.

    It is known by its pid and start time; its own children by their session and mark. None of
    them is alive when this returns.
    """
    try:
        record = json.loads(await asyncio.to_thread(workdir.child_file.read_text))
        pid, started = int(record["pid"]), record["start_time"]
    except FileNotFoundError:
        return False
    except (ValueError, KeyError, TypeError):
        _log.warning("%s is not readable", workdir.child_file)
        return False
    found = False
    async with asyncio.timeout(_REAP_SECONDS):
        while left := await asyncio.to_thread(_members, pid, started, job_id):
            found = True
            for member in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member, signal.SIGKILL)
            # The kernel tells only parents of an end, and their parent is gone.
            await asyncio.sleep(0.02)
    await asyncio.to_thread(workdir.child_file.unlink, missing_ok=True)
    if found:
        _log.warning("reaped a child that was left behind", extra={"job_id": job_id, "pid": pid})
    return found


def _members(session: int, started: int | None, job_id: str) -> list[int]:
    """Return the living processes of a child's session that are surely ours."""
    members = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        pid = int(entry.name)
        try:
            if os.getsid(pid) != session:
                continue
            start = processes.start_time(pid)
            if start is None:
                continue
            marked = f"{_MARK}={job_id}".encode() in (entry / "environ").read_bytes()
        except (OSError, ValueError):
            continue
        if marked and (pid != session or start == started):
            members.append(pid)
    return members
