"""Several processes that train one run together, each on a GPU of its own (or a share of the CPU).

Every step's records are shared out among them; gradients are averaged by the training library, so
the losses are those of one process with the same batch. Standard library only: the process that
starts them trains nothing and needs no torch.
"""

import ctypes
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

PARENT = "RANKS_PARENT"
LOOPBACK = "127.0.0.1"
LINGER_SECONDS = 10.0
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Rank:
    """The `number`th, from 0, of `count` processes. The first one speaks for all."""

    number: int = 0
    count: int = 1

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Rank":
        """Outside of `launch` a process is alone."""
        if PARENT not in environment:
            return cls()
        return cls(int(environment["RANK"]), int(environment["WORLD_SIZE"]))

    def speaks(self) -> bool:
        return self.number == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Of items in order of length, every rank gets short and long ones."""
        return items[self.number :: self.count]

    def follow(self, environment: Mapping[str, str]) -> None:
        """From here on this process ends with its parent, however that one ends."""
        if self.count == 1:
            return
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(environment[PARENT]):
            os._exit(128 + signal.SIGKILL)


# The only one there is.
ALONE = Rank()


def launch(
    command: Sequence[str],
    count: int,
    environment: Mapping[str, str],
    output: int,
    linger_seconds: float = LINGER_SECONDS,
) -> int:
    """Run `command` as `count` ranks to their end; the status is that of the first bad end, or 0.

    A rank that ends badly takes the others with it, which may have a word to say on that for
    `linger_seconds`. All print to the descriptor `output`.
    """
    defaults = {
        # The library would look the machine's name up.
        "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": str(max(1, len(os.sched_getaffinity(0)) // count)),
    }
    ours = {
        PARENT: str(os.getpid()),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": LOOPBACK,
        # Someone else may take it before rank 0 does: then the run crashes, and is tried again.
        "MASTER_PORT": str(_free_port()),
    }
    ranks = [
        subprocess.Popen(
            command,
            env={
                **defaults, **environment, **ours, "RANK": str(number), "LOCAL_RANK": str(number),
            },
            stdout=output,
        )
        for number in range(count)
    ]  # fmt: skip
    return _ended(ranks, linger_seconds)


def _ended(ranks: list["subprocess.Popen[bytes]"], linger_seconds: float) -> int:
    running = {rank.pid: rank for rank in ranks}
    status = 0
    while running and not status:
        pid, ending = os.wait()
        rank = running.pop(pid)
        status = rank.returncode = os.waitstatus_to_exitcode(ending)
    for rank in running.values():
        try:
            rank.wait(linger_seconds)
        except subprocess.TimeoutExpired:
            rank.kill()
            rank.wait()
    return status


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])
