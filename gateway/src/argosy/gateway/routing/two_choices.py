"""Picker: the better of two drawn by lot, and of one favourite where there is one.

The power of two choices (M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing",
2001): nearly as even as looking at all, without all gateways running to the same replica on the
same old news. The favourite is what "Load Balancing with Memory" (Mitzenmacher, Prabhakar, Shah,
2002) adds: what is known to be good takes part in each draw. The cost does not grow with the pool.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

from argosy.gateway.routing.policy import C

# In a pool of this size looking at all costs no more than drawing.
_FEW: Final = 4
_DRAWS: Final = 8


class TwoChoices:
    """Scores two or three candidates; equals are decided by lot."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def pick(
        self,
        candidates: Sequence[C],
        keep: Callable[[C], bool],
        score: Callable[[C], float],
        favourite: str | None,
    ) -> C | None:
        drawn = self._draw(candidates, keep)
        if favourite is not None and all(c.url != favourite for c in drawn):
            drawn += [c for c in candidates if c.url == favourite and keep(c)]
        if len(drawn) < 2:
            return drawn[0] if drawn else None
        return max(drawn, key=score)

    def _draw(self, candidates: Sequence[C], keep: Callable[[C], bool]) -> list[C]:
        """Return at most two that `keep` passes, in random order."""
        draw, count = self._rng.random, len(candidates)
        if count > _FEW:
            found: list[C] = []
            for _ in range(_DRAWS):
                candidate = candidates[int(draw() * count)]
                if candidate not in found and keep(candidate):
                    found.append(candidate)
                    if len(found) == 2:
                        return found
        kept = [candidate for candidate in candidates if keep(candidate)]
        count = len(kept)
        if count < 2:
            return kept
        first = int(draw() * count)
        second = int(draw() * (count - 1))
        return [kept[first], kept[second + (second >= first)]]
