"""Processes that train together: they end together, however one of them or their parent ends."""

import os
import select
import signal
import subprocess
import sys

import pytest
from argosy.trainer.worker.ranks import Rank

DEADLINE_SECONDS = 60

PARENT = """
import os, sys
from argosy.trainer.worker.ranks import launch
sys.exit(launch([sys.executable, "-c", sys.argv[1]], 3, os.environ, 1, 0.1) & 0xFF)
"""
# Each tells its pid, then does what the test wants of it.
CHILD = """
import os, signal, sys, time
from argosy.trainer.worker.ranks import Rank
rank = Rank.from_environment(os.environ)
rank.follow(os.environ)
os.write(1, b"%d\\n" % os.getpid())
# It has been seen.
sys.stdin.buffer.raw.read(3)
{then}
"""
SLEEP = "time.sleep(600)"


def start(then: str) -> tuple["subprocess.Popen[str]", list[int]]:
    """The parent, and handles of its three ranks, all of which have begun."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD.replace("{then}", then)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    return parent, [os.pidfd_open(int(parent.stdout.readline())) for _ in range(3)]


def ended(parent: "subprocess.Popen[str]", ranks: list[int]) -> int:
    """The parent's status, once none of its ranks is alive."""
    with parent:
        parent.communicate("go\n" * len(ranks))
        status = parent.wait(DEADLINE_SECONDS)
    for rank in ranks:
        assert select.select([rank], [], [], DEADLINE_SECONDS)[0], "a rank is alive"
        os.close(rank)
    return status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_rank_outlives_its_parent(number: signal.Signals) -> None:
    parent, ranks = start(SLEEP)
    parent.send_signal(number)
    assert ended(parent, ranks) == -number


def test_a_rank_that_fails_takes_the_others_with_it() -> None:
    parent, ranks = start("sys.exit(7 * (rank.number == 1)) if rank.number < 2 else time.sleep(30)")
    assert ended(parent, ranks) == 7


def test_all_that_end_well_end_well() -> None:
    parent, ranks = start("sys.exit(0)")
    assert ended(parent, ranks) == 0


def test_shares_are_everything_once() -> None:
    items = list(range(11))
    shares = [Rank(number, 3).share(items) for number in range(3)]
    assert sorted(item for share in shares for item in share) == items
    assert [rank.speaks() for rank in (Rank(), Rank(0, 2), Rank(1, 2))] == [True, True, False]
    assert Rank.from_environment({"RANK": "1", "WORLD_SIZE": "2"}) == Rank()
