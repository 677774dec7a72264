"""Waits for a condition instead of a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T], timeout: float = 10.0, what: str = "", pause: float = 0.02
) -> T:
    """Return the first true value of `condition`; fail the test after `timeout` seconds.

    `condition` may raise AssertionError to say what it saw; the last one is in the failure.
    """
    give_up = time.monotonic() + timeout
    last = ""
    while True:
        try:
            value = condition()
            if value:
                return value
        except AssertionError as error:
            last = str(error)
        if time.monotonic() > give_up:
            name = what or getattr(condition, "__name__", "the condition")
            raise AssertionError(f"{name} did not come true within {timeout:g} s. {last}".strip())
        time.sleep(pause)
