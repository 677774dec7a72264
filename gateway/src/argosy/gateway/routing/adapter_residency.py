"""Scorer: the adapter is there already, so that nothing must be loaded."""

from __future__ import annotations

from argosy.gateway.routing.policy import Candidate


class AdapterResidency:
    """1 where the adapter is resident, 0 where it would have to be loaded."""

    def score(self, candidate: Candidate) -> float:
        return 1.0 if candidate.resident else 0.0
