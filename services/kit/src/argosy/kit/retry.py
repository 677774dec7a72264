"""How long to wait before the next try: exponential back-off with full jitter.

Source: M. Brooker, "Exponential Backoff And Jitter" (2015). Full jitter keeps many clients that
failed together from coming back together.
"""

from __future__ import annotations

import random
from collections.abc import Iterator


def backoff(
    *, base: float = 0.1, cap: float = 5.0, rng: random.Random | None = None
) -> Iterator[float]:
    """Yield waiting times in seconds without end: uniform in (base/2, min(cap, base·2ⁿ))."""
    draw = rng or random.Random()  # noqa: S311 - jitter, not a secret
    ceiling = base
    while True:
        yield draw.uniform(base / 2, ceiling)
        ceiling = min(cap, ceiling * 2)
