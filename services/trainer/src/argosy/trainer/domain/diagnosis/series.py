"""A measured curve, and what is read off it: smoothed values, noise, change over a stretch.

Knows numbers by optimizer step. Does not know what they measure or what follows from them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

# A normal distribution's standard deviation is its median absolute deviation times this.
_MAD_TO_DEVIATION: Final = 1.4826
_FEWEST: Final = 3


@dataclass(frozen=True, slots=True)
class Series:
    """Values at rising steps; both have the same length."""

    steps: tuple[int, ...] = ()
    values: tuple[float, ...] = ()

    @classmethod
    def of(cls, points: Iterable[tuple[int, float | None]]) -> Series:
        """Build from (step, value) pairs in order; a value that is not known is left out."""
        known = [(step, value) for step, value in points if value is not None]
        return cls(tuple(step for step, _ in known), tuple(value for _, value in known))

    def __len__(self) -> int:
        return len(self.steps)

    def at_or_before(self, step: int) -> float | None:
        """Return the newest value that was known at `step`."""
        found = None
        for at, value in zip(self.steps, self.values, strict=True):
            if at > step:
                break
            found = value
        return found

    def lowest(self) -> tuple[int, float]:
        """Return step and value of the first lowest point. The series must not be empty."""
        index = min(range(len(self)), key=self.values.__getitem__)
        return self.steps[index], self.values[index]

    def smoothed(self) -> Series:
        """Return the running median of a tenth of the points, then its running mean.

        The median takes single spikes out, the mean what is left of the batches' noise.
        """
        width = self.window()
        return Series(self.steps, tuple(_running_mean(running_median(self.values, width), width)))

    def window(self) -> int:
        """Return how many points smoothing looks at: an odd tenth of all, at least 3."""
        return max(_FEWEST, len(self) // 10 | 1)

    def noise(self) -> float:
        """Return the standard deviation of the values around the smoothed curve, robustly."""
        if len(self) < _FEWEST:
            return 0.0
        smooth = self.smoothed().values
        rest = [abs(raw - level) for raw, level in zip(self.values, smooth, strict=True)]
        return statistics.median(rest) * _MAD_TO_DEVIATION

    def part(self, first: float, last: float) -> Series:
        """Return the points from share `first` to share `last` of all points, at least two."""
        count = len(self)
        begin = min(math.floor(count * first), max(0, count - 2))
        end = max(math.ceil(count * last), begin + 2)
        return Series(self.steps[begin:end], self.values[begin:end])

    def mean(self) -> float:
        return statistics.fmean(self.values)

    def median(self) -> float:
        return statistics.median(self.values)

    def change(self) -> float:
        """Return how far the least-squares line through the points rises from first to last."""
        if len(self) < 2:
            return 0.0
        line = statistics.linear_regression(self.steps, self.values)
        return line.slope * (self.steps[-1] - self.steps[0])


def running_median(values: Sequence[float], width: int) -> list[float]:
    """Return the median of `width` points around each; at the ends of those that there are."""
    return [statistics.median(_around(values, index, width)) for index in range(len(values))]


def _running_mean(values: Sequence[float], width: int) -> list[float]:
    return [statistics.fmean(_around(values, index, width)) for index in range(len(values))]


def _around(values: Sequence[float], index: int, width: int) -> Sequence[float]:
    """Return `width` points around `index`; near an end fewer, as many on one side as on the other.

    A one-sided window would bend the curve's ends towards its middle.
    """
    half = min(width // 2, index, len(values) - 1 - index)
    return values[index - half : index + half + 1]
