"""Children: a clean environment, no orphans, and the reaping of what a dead supervisor left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.kit import processes
from argosy.trainer.runs.child import Child, Stalled, clean_environment, reap
from argosy.trainer.runs.workdir import RunRoot, WorkDir

JOB = "ftjob-1"


@pytest.fixture
def workdir(tmp_path: Path) -> WorkDir:
    made = RunRoot(tmp_path).run(JOB)
    made.prepare()
    return made


@pytest.fixture
def orphan(workdir: WorkDir) -> Iterator[subprocess.Popen[bytes]]:
    """A child as a killed supervisor leaves it: marked, with a grandchild, leading a session."""
    code = (
        "import subprocess, sys, time;"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "print(p.pid, flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=clean_environment(os.environ, JOB),
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    yield process
    process.kill()
    process.wait()


def test_secrets_stay_with_the_supervisor() -> None:
    surroundings = {
        "PATH": "/bin",
        "CUDA_VISIBLE_DEVICES": "0",
        "ARGOSY_SERVICE_TOKEN": "secret",
        "ARGOSY_DATABASE_URL": "secret",
        "ARGOSY_NATS_PASSWORD": "secret",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    assert clean_environment(surroundings, JOB) == {
        "PATH": "/bin",
        "CUDA_VISIBLE_DEVICES": "0",
        "ARGOSY_RUN_OF": JOB,
    }


async def test_a_child_is_heard_and_reaped(workdir: WorkDir) -> None:
    code = "import sys; print('a'); print('x' * (2 << 20)); print('b'); print('e', file=sys.stderr)"
    child = Child([sys.executable, "-c", code], workdir, dict(os.environ))
    await child.start()
    heard = [line async for line in child.lines(10)]
    assert [line for line in heard if not line.startswith(b"x")] == [b"a\n", b"b\n"]
    assert await child.stop(5, linger_seconds=5) == 0
    assert workdir.log.read_text() == "e\n"
    assert not workdir.child_file.exists()


async def test_a_silent_child_is_noticed_and_stopped(workdir: WorkDir) -> None:
    child = Child([sys.executable, "-c", "import time; time.sleep(600)"], workdir, dict(os.environ))
    await child.start()
    with pytest.raises(Stalled):
        async for _ in child.lines(0.1):
            pass
    assert await child.stop(5) == -15


async def test_a_dead_childs_children_do_not_hold_the_pipe(workdir: WorkDir) -> None:
    code = (
        "import os, subprocess, sys;"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "os.kill(os.getpid(), 9)"
    )
    child = Child([sys.executable, "-c", code], workdir, dict(os.environ))
    await child.start()
    # Without the sweep this would wait for the grandchild's 600 s.
    assert [line async for line in child.lines(5)] == []
    assert await child.stop(1) == -9


def record(workdir: WorkDir, pid: int, start_time: int | None) -> None:
    workdir.child_file.write_text(json.dumps({"pid": pid, "start_time": start_time}))


async def test_what_was_left_behind_is_killed_with_its_children(
    workdir: WorkDir, orphan: subprocess.Popen[bytes]
) -> None:
    assert orphan.stdout is not None
    grandchild = int(orphan.stdout.readline())
    record(workdir, orphan.pid, processes.start_time(orphan.pid))
    assert await reap(workdir, JOB)
    assert orphan.wait(5) == -9
    assert processes.start_time(grandchild) is None
    assert not workdir.child_file.exists()
    assert not await reap(workdir, JOB)


async def test_a_stranger_with_the_same_pid_is_left_alone(
    workdir: WorkDir, orphan: subprocess.Popen[bytes]
) -> None:
    assert orphan.stdout is not None
    orphan.stdout.readline()
    started = processes.start_time(orphan.pid)
    assert started is not None
    record(workdir, orphan.pid, started)
    # Not marked as this job's.
    assert not await reap(workdir, "ftjob-2")
    # Marked, but started at another time: the pid was used again.
    record(workdir, orphan.pid, started - 1)
    await reap(workdir, JOB)
    assert orphan.poll() is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x", "start_time": 1}'])
async def test_a_damaged_record_stops_nobody(workdir: WorkDir, content: str) -> None:
    workdir.child_file.write_text(content)
    assert not await reap(workdir, JOB)
