"""Scorer: whether the replica would be set aside if the pool could do without it.

Ejection may set aside only a part of a pool. What keeps failing beyond that part, and fails fast
enough to look idle, would draw the most requests: this score turns them away.
"""

from __future__ import annotations

from argosy.gateway.routing.policy import Ask, Candidate


class Reliability:
    """1 for a replica in good standing, down to 0 for one that fails every request."""

    def score(self, candidate: Candidate, ask: Ask) -> float:
        return 1.0 - candidate.ejection.failure_share(ask.now)
