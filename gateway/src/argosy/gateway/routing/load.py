"""Scorer: how much work the replica has.

The engine's own counts are seconds old, this gateway's are exact but not the only ones: the larger
of the two is taken as running.
"""

from __future__ import annotations

from argosy.gateway.routing.policy import Candidate


class Load:
    """1 for an idle replica, one half at `half_at` requests, falling to 0."""

    def __init__(self, half_at: int = 8) -> None:
        self._half_at = half_at

    def score(self, candidate: Candidate) -> float:
        load = max(candidate.in_flight, candidate.running) + candidate.waiting
        return self._half_at / (self._half_at + load)
