"""Waiting well: for the first of several works, for cleaning up, for a peer that is away.

Knows asyncio and back-off. Does not know what is waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from argosy.kit.errors import Internal, RateLimited, Unavailable
from argosy.kit.retry import backoff

T = TypeVar("T")

_log = logging.getLogger(__name__)

# A peer that fails by itself may have a bad moment; one that goes on failing has a bug.
_INTERNAL_TRIES: Final = 5


async def first_of(work: Coroutine[Any, Any, T], *guards: Coroutine[Any, Any, Any]) -> T:
    """Return what `work` returns, unless a guard ends first: then raise what it raised.

    Whatever is still running is cancelled and has ended when this returns.
    """
    main = asyncio.create_task(work)
    tasks: list[asyncio.Task[Any]] = [main, *map(asyncio.create_task, guards)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        ended = [task for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await uninterrupted(_all(tasks))
    if ended[0] is not main:
        ended[0].result()
    return main.result()


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` to its end, also if cancelled meanwhile; then be cancelled.

    For cleaning up: what fails by itself may be cancelled from outside while it cleans.
    """
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()


async def _all(tasks: list[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


async def insist(attempt: Callable[[], Awaitable[T]], what: str) -> T:
    """Try until the peer answers. Raises what it refuses with; waits longer and longer."""
    failures = 0
    delays = backoff(base=0.1, cap=5.0)
    while True:
        try:
            return await attempt()
        except (Unavailable, RateLimited) as error:
            reason = error.message
        except Internal as error:
            failures += 1
            if failures >= _INTERNAL_TRIES:
                raise
            reason = error.message
        _log.warning("%s waits: %s", what, reason)
        await asyncio.sleep(next(delays))


async def wait_for_event(event: asyncio.Event, seconds: float) -> bool:
    """Wait until `event` is set, at most `seconds`; clear it and tell whether it was set."""
    try:
        # Not `wait_for`: in Python 3.11 it can swallow a cancel that comes with the event.
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True
