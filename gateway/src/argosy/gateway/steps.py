"""Coroutines that go on at once, in the callback that brings what they wait for, without a task.

A task is woken by the event loop, a turn later, through a future and a handle that are made for it:
as much as all the rest of a small request. `Steps` runs a coroutine by hand, and a `Signal` is what
it waits for at no cost. Where it waits for an ordinary future or task, that works too.

What asks for the current task (`asyncio.timeout`, most libraries) must get one: a coroutine that is
run here gives such work to `in_task`. Knows coroutines; does not know what they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any, Final, TypeVar

T = TypeVar("T")

_OVER: Final[Any] = object()


class Signal:
    """`await` it to wait for the next `set`. One waits at a time, in `Steps` or in a task.

    Used again and again by its owner, who looks at what has happened before and after. For a task
    it is what asyncio calls future-like.
    """

    __slots__ = ("_asyncio_future_blocking", "_cancelled", "wake")

    def __init__(self) -> None:
        # What `set` calls, once; None while nobody waits.
        self.wake: Callable[[], object] | None = None
        self._asyncio_future_blocking = False
        self._cancelled = False

    def set(self) -> None:
        """Let whoever waits go on: in `Steps` before this returns, in a task soon."""
        wake = self.wake
        if wake is not None:
            self.wake = None
            wake()

    def __await__(self) -> Generator[Signal, None, None]:
        self._asyncio_future_blocking = True
        yield self

    # What a task asks of a future

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop of the task that waits."""
        return asyncio.get_running_loop()

    def add_done_callback(
        self, callback: Callable[[Signal], object], *, context: Context | None = None
    ) -> None:
        """Have the task woken in the loop's next turn."""
        loop = asyncio.get_running_loop()
        self._cancelled = False
        self.wake = lambda: loop.call_soon(callback, self, context=context)

    def cancel(self, msg: object = None) -> bool:
        """Wake the task with a cancellation."""
        self._cancelled = True
        self.set()
        return True

    def result(self) -> None:
        """Tell a woken task how it was woken."""
        if self._cancelled:
            self._cancelled = False
            raise asyncio.CancelledError


class Steps:
    """Runs one coroutine at a time; `ended` is told how each ended, None for well."""

    __slots__ = ("_context", "_doomed", "_ended", "_go_on", "_run", "_waited")

    def __init__(self, ended: Callable[[BaseException | None], None]) -> None:
        self._ended = ended
        self._run: Generator[Any, None, None] | None = None
        self._context: Context
        self._waited: Any = None
        # To be interrupted as soon as it waits again.
        self._doomed = False
        self._go_on = self._signalled

    def start(self, coroutine: Coroutine[Any, None, None]) -> None:
        """Run `coroutine` until it first waits; the one before has ended."""
        self._run = coroutine.__await__()
        self._doomed = False
        # Its own, as a task has one: request ids and spans stay where they belong.
        self._context = copy_context()
        self._context.run(self._step, None)

    def close(self) -> None:
        """Start nothing more: let go of whoever is told, and of what refers to this in a circle."""
        self._ended = self._go_on = _nothing

    @property
    def waiting(self) -> bool:
        """Whether the coroutine waits for something."""
        return self._waited is not None

    def interrupt(self) -> None:
        """Raise CancelledError where the coroutine waits; without effect while it runs.

        What it waits for may come in the same moment: then it gets that, lest it be lost, and is
        interrupted at its next wait.
        """
        waited = self._waited
        if type(waited) is Signal:
            waited.wake = None
            self._context.run(self._step, asyncio.CancelledError())
        elif waited is not None:
            self._doomed = True
            waited.cancel()

    def _signalled(self) -> None:
        self._context.run(self._step, None)

    def _done(self, waited: asyncio.Future[Any]) -> None:
        """The future that was waited for is done; this runs in the coroutine's context."""
        if waited.cancelled():
            self._doomed = False
        self._step(None)

    def _step(self, error: BaseException | None) -> None:
        run = self._run
        assert run is not None  # noqa: S101 - nobody wakes what has ended
        self._waited = None
        try:
            # Of the two ways to learn of the end this one takes no exception.
            waited = next(run, _OVER) if error is None else run.throw(error)
            if self._doomed and waited is not _OVER:
                self._doomed = False
                waited = run.throw(asyncio.CancelledError())
        except StopIteration:
            waited = _OVER
        except BaseException as raised:  # noqa: BLE001 - `ended` decides
            self._run = None
            self._ended(raised)
            return
        if waited is _OVER:
            self._run = None
            self._ended(None)
        else:
            self._waited = waited
            if type(waited) is Signal:
                waited.wake = self._go_on
            else:
                waited._asyncio_future_blocking = False
                waited.add_done_callback(self._done, context=self._context)


def _nothing(_: BaseException | None = None) -> None:
    """Do nothing."""


async def in_task(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` does in a task of its own; a cancellation ends that too."""
    return await asyncio.create_task(work)
