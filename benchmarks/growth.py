"""Whether memory or open files grow: the judgement over samples taken at rest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.statistics import least_slope, slope

# Caches and pools fill in the beginning: so much of the time is not judged.
WARM_UP: Final = 1 / 3
# What a level may creep in the judged time: allocators keep pages, and a kept-alive connection
# may be opened late. A leak of 100 bytes a request is far above it within a minute.
_MEMORY_SHARE: Final = 0.02
_FILES: Final = 4.0


@dataclass(frozen=True)
class Sample:
    """What the gateway held at one moment of rest: `at` s after the beginning, after `requests`."""

    at: float
    requests: int
    resident: int
    files: int


@dataclass(frozen=True)
class Growth:
    """Growth over the judged time, by the slope of the samples, and what is allowed.

    Open files go up and down with the connections to engines that a piece of the load happened to
    leave: beside the slope stands the least that it is, given how much they do so.
    """

    seconds: float
    requests: int
    resident: float
    resident_allowed: float
    files: float
    files_at_least: float
    files_allowed: float = _FILES

    @property
    def grows(self) -> bool:
        files_grow = self.files > self.files_allowed and self.files_at_least > 0
        return self.resident > self.resident_allowed or files_grow


def judge(samples: Sequence[Sample]) -> Growth:
    """Return the growth of `samples` after the warm-up. Raises ValueError below three of those."""
    begun, ended = samples[0].at, samples[-1].at
    judged = [s for s in samples if s.at >= begun + (ended - begun) * WARM_UP]
    if len(judged) < 3:
        raise ValueError(f"{len(samples)} samples are too few to tell growth: run for longer")
    span = judged[-1].at - judged[0].at
    times = [sample.at for sample in judged]
    files = [sample.files for sample in judged]
    return Growth(
        seconds=span,
        requests=judged[-1].requests - judged[0].requests,
        resident=slope(times, [sample.resident for sample in judged]) * span,
        resident_allowed=judged[0].resident * _MEMORY_SHARE,
        files=slope(times, files) * span,
        files_at_least=least_slope(times, files) * span,
    )
