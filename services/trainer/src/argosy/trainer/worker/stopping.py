"""SIGTERM: before training begins the process ends at once, after that at the next safe point.

A safe point is a step boundary or a batch of validation; nothing is written on the way out.
"""

import os
import signal
from types import FrameType

EXIT_STATUS = 128 + signal.SIGTERM


class Stopped(BaseException):
    """Raised at a safe point. Not an Exception, so that no library's handler keeps it."""


class StopSignal:
    def __init__(self) -> None:
        self._asked = False
        self._deferred = False

    def install(self) -> None:
        signal.signal(signal.SIGTERM, self._on_signal)

    def defer(self) -> None:
        """From here on a signal waits for the next `check`."""
        self._deferred = True
        self.check()

    def check(self) -> None:
        """A safe point: raises Stopped if the signal came."""
        if self._asked:
            raise Stopped

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        if not self._deferred:
            os._exit(EXIT_STATUS)
