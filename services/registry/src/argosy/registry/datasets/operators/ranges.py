"""Parameters held to their ranges, with messages that name the range."""

from __future__ import annotations

import math
from typing import Any

from argosy.registry.domain.rules import RuleBroken


def number(value: Any, param: str, low: float, high: float) -> float:
    """Return `value` as a number from `low` to `high`; raises RuleBroken."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RuleBroken(f"{param} must be a number from {low:g} to {high:g}.", param=param)
    if not low <= value <= high:
        raise RuleBroken(f"{param} is {value:g}; it must be from {low:g} to {high:g}.", param=param)
    return float(value)


def integer(value: Any, param: str, low: int, high: int) -> int:
    """Return `value` as a whole number from `low` to `high`; raises RuleBroken."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise RuleBroken(f"{param} must be a whole number from {low} to {high}.", param=param)
    if not low <= value <= high:
        raise RuleBroken(f"{param} is {value}; it must be from {low} to {high}.", param=param)
    return value
