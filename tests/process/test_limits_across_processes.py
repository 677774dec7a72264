"""Limits over real processes that share a file: none is broken, none is lost, also by `kill -9`."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

WORKER = Path(__file__).with_name("stubs") / "limits_worker.py"


class Worker:
    def __init__(self, path: Path, limits: dict[str, int]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), str(path), json.dumps(limits)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def tell(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ask(self, command: str) -> Any:
        self.tell(command)
        return self.answer()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)


@contextlib.contextmanager
def workers(path: Path, count: int, **limits: int) -> Iterator[list[Worker]]:
    started = [Worker(path, limits) for _ in range(count)]
    try:
        for worker in started:
            assert worker.answer() == "ready"
        yield started
    finally:
        for worker in started:
            worker.kill()


def hammer(some: list[Worker], times: int, tokens: int = 1) -> int:
    """All at the same time; returns what was allowed in all."""
    for worker in some:
        worker.tell(f"hammer {times} {tokens}")
    return sum(worker.answer() for worker in some)


@pytest.mark.parametrize(
    ("limits", "tokens", "expected"),
    [
        ({"requests_per_minute": 3000}, 1, 3000),
        ({"requests_per_minute": 100}, 1, 100),
        ({"tokens_per_minute": 300_000}, 100, 3000),
        ({"tokens_per_day": 300_000}, 100, 3000),
        ({"concurrent_requests": 500}, 1, 500),
    ],
)
def test_four_workers_together_keep_one_limit(
    tmp_path: Path, limits: dict[str, int], tokens: int, expected: int
) -> None:
    with workers(tmp_path / "limits", 4, **limits) as four:
        allowed = hammer(four, 2000, tokens)
        # Two that ask for the last one at the same time may both be refused; it is there next time.
        allowed += four[0].ask(f"hammer {expected} {tokens}")
        assert abs(allowed - expected) <= 0.02 * expected
        assert allowed <= expected


def test_what_a_killed_worker_counted_stays_and_what_it_had_under_way_goes(tmp_path: Path) -> None:
    limits = {"requests_per_minute": 50, "concurrent_requests": 10}
    with workers(tmp_path / "limits", 2, **limits) as (stays, dies):
        assert dies.ask("hammer 20 1") == 10
        assert stays.ask("hold") == "concurrent_requests_exceeded"
        dies.kill()
        # Only a look at most every 0.2 s: the first refusal may have been one.
        give_up = time.monotonic() + 10
        while (answer := stays.ask("hold")) != "allowed":
            assert answer == "concurrent_requests_exceeded"
            assert time.monotonic() < give_up, "still held by a process that is gone"
        assert stays.ask("hammer 20 1") == 9
        for _ in range(10):
            stays.ask("release")
        with workers(tmp_path / "limits", 1, **limits) as (again,):
            allowed = 0
            while (answer := again.ask("hold")) == "allowed":
                assert again.ask("release") == "released"
                allowed += 1
            assert answer == "rate_limit_exceeded"
            assert allowed == 30


def test_workers_that_die_under_load_lose_no_count(tmp_path: Path) -> None:
    with workers(tmp_path / "limits", 2, requests_per_minute=2000) as (stays, dies):
        stays.tell("hammer 1000 1")
        dies.tell("hammer 100000 1")
        first = stays.answer()
        dies.kill()
        with workers(tmp_path / "limits", 2, requests_per_minute=2000) as more:
            assert first + hammer([stays, *more], 3000) <= 2000
            assert hammer([stays, *more], 10) == 0
