"""How the learning rate moves over a run: a climb, then the chosen way down. Pure functions.

Unlike the library's schedules, neither the first step nor the last is lost at a rate of zero.
"""

import math
from collections.abc import Callable

# Where the ways down end, as a share of the peak.
LOWEST = 0.02


def schedule(kind: str, total_steps: int, warmup_ratio: float) -> Callable[[int], float]:
    """The share of the peak rate at each step, counted from 0."""
    climb = max(1, round(warmup_ratio * total_steps)) if warmup_ratio else 0
    way = {"cosine": _cosine, "linear": _linear, "constant": _constant}[kind]

    def share(step: int) -> float:
        if step < climb:
            return (step + 1) / climb
        return LOWEST + (1 - LOWEST) * way((step - climb + 1) / max(1, total_steps - climb))

    return share


def _cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def _linear(progress: float) -> float:
    return 1 - min(progress, 1.0)


def _constant(_progress: float) -> float:
    return 1.0
