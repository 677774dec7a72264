"""Failpoints do what the environment armed, from the n-th hit on, and nothing else."""

import errno
import subprocess
import sys

import pytest
from argosy.kit.failpoints import FailpointError, Failpoints


def test_unarmed_is_free_and_armed_counts_hits() -> None:
    points = Failpoints("a=error@3")
    points.hit("b")
    points.hit("a")
    points.hit("a")
    with pytest.raises(FailpointError, match="a"):
        points.hit("a")


def test_enospc_looks_like_a_full_disk() -> None:
    with pytest.raises(OSError) as caught:
        Failpoints("a=enospc").hit("a")
    assert caught.value.errno == errno.ENOSPC


def test_a_typo_in_the_action_is_refused() -> None:
    with pytest.raises(ValueError, match="exit, error or enospc"):
        Failpoints("a=explode")


def test_exit_leaves_at_once_with_status_70() -> None:
    code = (
        "import atexit; atexit.register(print, 'cleaned up');"
        "from argosy.kit.failpoints import failpoint; failpoint('a'); print('survived')"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env={"ARGOSY_FAILPOINTS": "a=exit"}, capture_output=True,
        timeout=20, check=False,
    )  # fmt: skip
    assert run.returncode == 70
    assert run.stdout == b""
