"""One supervised process with a probe of the test's own; the process is a real `sleep`."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from argosy.cli.errors import FleetError, StartupFailed
from argosy.cli.fleet.member import Member, restart_delays
from argosy.cli.fleet.plan import MemberPlan
from argosy.cli.fleet.roles import Role
from argosy.cli.fleet.state import MemberState, Stage


async def now() -> None:
    return None


async def ready() -> str | None:
    return None


async def never() -> str | None:
    return "It does not answer yet."


def plan(tmp_path: Path, *command: str, **changes: object) -> MemberPlan:
    made = MemberPlan(
        name="part",
        role=Role(attempts=2, start_seconds=5.0, grace_seconds=1.0),
        command=command or ("sleep", "60"),
        environment={"PATH": "/usr/bin:/bin"},
        port=1,
        url="grpc://127.0.0.1:1",
        health_url="",
        log=tmp_path / "part.log",
        probe=ready,
        after=(),
    )
    return replace(made, **changes)  # type: ignore[arg-type] # fields by name


class Watched:
    """A member and every state it went through."""

    def __init__(self, made: MemberPlan) -> None:
        self.states: list[MemberState] = []
        self._changed = asyncio.Event()
        self.member = Member(made, self._note, lambda: itertools.repeat(0.01))

    def _note(self) -> None:
        self.states.append(self.member.state)
        self._changed.set()

    async def until(self, condition: Callable[[MemberState], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition(self.member.state):
                self._changed.clear()
                await self._changed.wait()

    def stages(self) -> list[Stage]:
        return [stage for stage, _ in itertools.groupby(s.stage for s in self.states)]


async def test_start_ready_stop(tmp_path: Path) -> None:
    watched = Watched(plan(tmp_path))
    running = asyncio.create_task(watched.member.run(now))
    await asyncio.wait_for(watched.member.ready.wait(), 5)
    assert watched.member.state.pid is not None
    watched.member.stop()
    await asyncio.wait_for(running, 5)
    assert watched.stages() == [Stage.STARTING, Stage.READY, Stage.STOPPING, Stage.STOPPED]
    assert watched.member.state.pid is None


async def test_it_waits_for_what_it_needs_and_can_be_stopped_meanwhile(tmp_path: Path) -> None:
    watched = Watched(plan(tmp_path))
    running = asyncio.create_task(watched.member.run(asyncio.Event().wait))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert watched.member.state.stage is Stage.WAITING
    watched.member.stop()
    await asyncio.wait_for(running, 5)
    assert watched.stages() == [Stage.STOPPED]


async def test_one_that_never_comes_up_is_given_up_after_its_attempts(tmp_path: Path) -> None:
    watched = Watched(plan(tmp_path, "false", probe=never))
    with pytest.raises(StartupFailed, match="part: ended with status 1"):
        await asyncio.wait_for(watched.member.run(now), 5)
    starts = watched.stages().count(Stage.STARTING)
    assert starts == 2


async def test_one_that_was_ready_is_started_again_without_end(tmp_path: Path) -> None:
    watched = Watched(plan(tmp_path, "sleep", "0.2"))
    running = asyncio.create_task(watched.member.run(now))
    await watched.until(lambda state: state.restarts == 4)
    watched.member.stop()
    await asyncio.wait_for(running, 5)
    crashes = [s.note for s in watched.states if s.stage is Stage.BACKING_OFF]
    assert crashes[0].startswith("ended with status 0; starts again in")


async def test_one_that_takes_too_long_is_ended_and_the_reason_kept(tmp_path: Path) -> None:
    slow = Role(attempts=1, start_seconds=0.2, grace_seconds=1.0)
    watched = Watched(plan(tmp_path, probe=never, role=slow))
    with pytest.raises(StartupFailed, match=r"not ready after 0\.2 s: It does not answer yet"):
        await asyncio.wait_for(watched.member.run(now), 5)


async def test_a_failed_preparation_counts_as_a_failed_start(tmp_path: Path) -> None:
    async def broken() -> None:
        raise FleetError("the disk is full")

    watched = Watched(plan(tmp_path, prepare=broken))
    with pytest.raises(StartupFailed, match="the disk is full"):
        await asyncio.wait_for(watched.member.run(now), 5)


async def test_a_missing_program_is_a_failed_start(tmp_path: Path) -> None:
    watched = Watched(plan(tmp_path, "no-such-program"))
    with pytest.raises(StartupFailed, match="no-such-program"):
        await asyncio.wait_for(watched.member.run(now), 5)


async def test_the_signal_that_ended_it_is_named(tmp_path: Path) -> None:
    watched = Watched(plan(tmp_path))
    running = asyncio.create_task(watched.member.run(now))
    await asyncio.wait_for(watched.member.ready.wait(), 5)
    pid = watched.member.state.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await watched.until(lambda state: state.restarts == 1)
    watched.member.stop()
    await asyncio.wait_for(running, 5)
    assert any(s.note.startswith("killed by SIGKILL") for s in watched.states)


def test_pauses_between_restarts_grow_to_a_bound() -> None:
    delays: Iterator[float] = restart_delays()
    first = [next(delays) for _ in range(40)]
    assert first[0] <= 0.3
    assert max(first) <= 30.0
    assert max(first[10:]) > 5.0
