"""When a run will be done: from the time that its steps take.

Knows seconds and steps. Does not know clocks.
"""

from __future__ import annotations

from typing import Final

# Weight of the newest step: about the last ten steps count.
_ALPHA: Final = 0.2
# Publishing the adapter and the result file, after the last step.
_FINISH_SECONDS: Final = 2.0


class Estimate:
    """A moving average of step times. `begin` marks where timing starts."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._mean: float | None = None

    def begin(self, monotonic: float) -> None:
        """Training is about to make its first step, or to go on after a pause."""
        self._last = monotonic

    def step(self, monotonic: float) -> float | None:
        """Note that a step ended; return its seconds, None if its start was not seen."""
        if self._last is None:
            self._last = monotonic
            return None
        seconds = monotonic - self._last
        self._last = monotonic
        if self._mean is None:
            self._mean = seconds
        else:
            self._mean += _ALPHA * (seconds - self._mean)
        return seconds

    def remaining(self, steps: int) -> float | None:
        """Return the seconds that `steps` more steps and the finish will take."""
        if self._mean is None:
            return None
        return self._mean * max(steps, 0) + _FINISH_SECONDS
