"""Scorer: how much work the replica has: running, waiting, and this gateway's own in flight.

The engine's own counts are seconds old, this gateway's are exact but not the only ones: the larger
of the two is taken as running.
"""

from __future__ import annotations

from argosy.gateway.routing.policy import Ask, Candidate


class QueueDepth:
    """1 for an idle replica, one half at `half_at` requests, falling to 0."""

    def __init__(self, half_at: int = 8) -> None:
        self._half_at = half_at

    def score(self, candidate: Candidate, ask: Ask) -> float:
        gauges = candidate.gauges
        work = max(candidate.in_flight, gauges.running) + gauges.waiting
        return self._half_at / (self._half_at + work)
