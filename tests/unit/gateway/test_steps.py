"""Coroutines without tasks: they go on at once, are interrupted, and lose nothing that came."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any

import pytest
from argosy.gateway.steps import Signal, Steps, in_task

_mine: ContextVar[str] = ContextVar("_mine", default="")


class Run:
    """One coroutine under `Steps`, and how it ended."""

    def __init__(self, coroutine: Coroutine[Any, None, None]) -> None:
        self.ended: list[BaseException | None] = []
        self.steps = Steps(self.ended.append)
        self.steps.start(coroutine)


async def test_it_goes_on_within_the_call_that_brings_what_it_waits_for() -> None:
    signal, seen = Signal(), []

    async def work() -> None:
        for number in range(3):
            await signal
            seen.append(number)

    run = Run(work())
    for number in range(3):
        assert run.steps.waiting
        signal.set()
        assert seen[-1] == number
    assert run.ended == [None]
    assert not run.steps.waiting


async def test_a_signal_that_nobody_waits_for_is_not_kept() -> None:
    signal = Signal()
    signal.set()

    async def work() -> None:
        await signal

    run = Run(work())
    assert not run.ended
    signal.set()
    assert run.ended == [None]


async def test_an_error_is_told() -> None:
    async def work() -> None:
        raise ValueError("x")

    (error,) = Run(work()).ended
    assert isinstance(error, ValueError)


async def test_each_has_a_context_of_its_own() -> None:
    signal, seen = Signal(), []

    async def work(name: str) -> None:
        _mine.set(name)
        await signal
        seen.append(_mine.get())

    Run(work("a"))
    assert _mine.get() == ""
    signal.set()
    assert seen == ["a"]
    assert _mine.get() == ""


async def test_ordinary_futures_and_tasks_can_be_waited_for() -> None:
    ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    async def late() -> str:
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        return "done"

    async def work() -> None:
        assert await in_task(late()) == "done"

    Steps(ended.set_result).start(work())
    assert await ended is None


@pytest.mark.parametrize("kind", ["signal", "future", "task"])
async def test_an_interruption_is_raised_where_it_waits(kind: str) -> None:
    ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
    inner: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            inner.append("cancelled")
            raise

    async def work() -> None:
        match kind:
            case "signal":
                await Signal()
            case "future":
                await asyncio.get_running_loop().create_future()
            case _:
                await in_task(forever())

    steps = Steps(ended.set_result)
    steps.start(work())
    await asyncio.sleep(0)
    steps.interrupt()
    assert isinstance(await ended, asyncio.CancelledError)
    assert inner == (["cancelled"] if kind == "task" else [])


async def test_what_came_in_the_same_moment_is_not_lost() -> None:
    """The permit of a request that is interrupted just as it gets it must be given back."""
    ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
    turn: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    held: list[str] = []

    async def work() -> None:
        held.append(await turn)
        try:
            await Signal()
        finally:
            held.pop()

    steps = Steps(ended.set_result)
    steps.start(work())
    turn.set_result("permit")
    steps.interrupt()
    assert isinstance(await ended, asyncio.CancelledError)
    assert held == []


async def test_a_signal_wakes_a_task_too_and_can_be_cancelled_there() -> None:
    signal = Signal()

    async def work() -> str:
        await signal
        return "woken"

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    signal.set()
    assert await task == "woken"
    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The next one is not told of that.
    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    signal.set()
    assert await task == "woken"
