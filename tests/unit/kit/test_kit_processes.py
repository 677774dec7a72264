"""Children leave no orphans, however they or their parents end."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from argosy.kit.processes import free_port, signal_group, spawn, start_time, terminate_group

# A child that ignores SIGTERM and has a child of its own that does too.
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    time.sleep(60)
print("up", flush=True)
time.sleep(60)
"""


async def test_a_group_that_ignores_sigterm_is_killed_with_its_grandchildren() -> None:
    child = await spawn(
        [sys.executable, "-c", STUBBORN],
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdout is not None
    assert await asyncio.wait_for(child.stdout.readline(), 10) == b"up\n"
    assert await terminate_group(child, 0.2) == -signal.SIGKILL
    # Every holder of the pipe is gone once it reads as closed.
    assert await asyncio.wait_for(child.stdout.read(), 5) == b""


async def test_a_child_dies_with_its_parent() -> None:
    parent = """
import asyncio, os, subprocess, sys
from argosy.kit.processes import spawn
async def main():
    await spawn([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"],
                env=os.environ, stdout=None, stderr=None)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", parent, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 10) == b"up\n"
    process.kill()
    await process.wait()
    # The grandchild holds the pipe: it reads as closed only when that one is dead.
    assert await asyncio.wait_for(process.stdout.read(), 5) == b""


def test_start_time_names_a_process_and_a_dead_one_has_none() -> None:
    mine = start_time(os.getpid())
    assert mine is not None
    assert mine == start_time(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert start_time(child.pid) is None
    assert signal_group(child.pid, signal.SIGTERM) is False


def test_start_time_reads_names_with_spaces_and_parentheses(tmp_path: Path) -> None:
    odd = tmp_path / "a) (b"
    odd.symlink_to("/bin/sleep")
    child = subprocess.Popen([str(odd), "30"])
    try:
        assert (start_time(child.pid) or 0) > 0
    finally:
        child.kill()
        child.wait()


def test_a_free_port_is_none_that_a_connection_may_be_given_meanwhile() -> None:
    ports = {free_port() for _ in range(200)}
    assert len(ports) > 150
    assert max(ports) < 32_768  # Linux' default range of near ends begins there
