"""Picker: the best score; equals are drawn by lot, so that gateways do not move in step."""

from __future__ import annotations

import random
from collections.abc import Sequence

from argosy.gateway.routing.policy import Candidate


class Best:
    """Picks the highest score."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def pick(self, scored: Sequence[tuple[Candidate, float]]) -> Candidate:
        top = max(score for _, score in scored)
        equals = [candidate for candidate, score in scored if score == top]
        return equals[0] if len(equals) == 1 else self._rng.choice(equals)
