"""Waiting for the first of several works, and for peers that are away."""

from __future__ import annotations

import asyncio

import pytest
from argosy.kit.errors import Internal, InvalidRequest, Unavailable
from argosy.trainer.patience import first_of, insist, uninterrupted, wait_for_event


async def never() -> None:
    await asyncio.Event().wait()


class Ended(Exception):
    pass


async def test_the_guard_goes_when_the_work_is_done() -> None:
    stopped = asyncio.Event()

    async def guard() -> None:
        try:
            await never()
        finally:
            stopped.set()

    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert await first_of(work(), guard()) == 7
    assert stopped.is_set()


async def test_the_work_has_ended_when_the_guard_raises() -> None:
    cleaned = []

    async def work() -> None:
        try:
            await never()
        finally:
            await asyncio.sleep(0.01)
            cleaned.append(True)

    async def guard() -> None:
        await asyncio.sleep(0)
        raise Ended

    with pytest.raises(Ended):
        await first_of(work(), guard())
    assert cleaned == [True]


async def test_cancelling_ends_both() -> None:
    ended = []

    async def work(name: str) -> None:
        try:
            await never()
        finally:
            ended.append(name)

    task = asyncio.create_task(first_of(work("main"), work("guard")))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == ["guard", "main"]


async def test_insisting_survives_an_absence_and_not_a_refusal() -> None:
    answers = iter([Unavailable("away"), Unavailable("away"), None])

    async def attempt() -> str:
        if (error := next(answers)) is not None:
            raise error
        return "done"

    assert await insist(attempt, "a test") == "done"

    async def refused() -> None:
        raise InvalidRequest("no")

    with pytest.raises(InvalidRequest):
        await insist(refused, "a test")


async def test_a_peer_that_goes_on_failing_is_given_up() -> None:
    tries = 0

    async def attempt() -> None:
        nonlocal tries
        tries += 1
        raise Internal("broken")

    with pytest.raises(Internal):
        await insist(attempt, "a test")
    assert tries == 5


async def test_an_event_is_taken_once() -> None:
    event = asyncio.Event()
    event.set()
    assert await wait_for_event(event, 1)
    assert not await wait_for_event(event, 0.01)


async def test_cleaning_up_is_not_interrupted() -> None:
    cleaning, cleaned = asyncio.Event(), []

    async def clean() -> None:
        cleaning.set()
        await asyncio.sleep(0.02)
        cleaned.append(True)

    async def work() -> None:
        try:
            raise Ended
        finally:
            await uninterrupted(clean())

    task = asyncio.create_task(work())
    await cleaning.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == [True]


async def test_work_that_cleans_up_has_ended_however_often_it_is_cancelled() -> None:
    """The work fails by itself and cleans up while the guard ends it: as a cancel does."""
    cleaned = []

    async def clean() -> None:
        await asyncio.sleep(0.02)
        cleaned.append(True)

    async def work() -> None:
        try:
            raise Ended
        finally:
            await uninterrupted(clean())

    async def guard() -> None:
        await asyncio.sleep(0.005)
        raise InvalidRequest("the guard's")

    with pytest.raises(InvalidRequest):
        await first_of(first_of(work(), never()), guard())
    assert cleaned == [True]
