"""Scorer: the adapter is there already, so that nothing must be loaded."""

from __future__ import annotations

from argosy.gateway.routing.policy import Ask, Candidate


class AdapterResidency:
    """1 where the adapter is resident or none is needed, 0 where it would have to be loaded."""

    def score(self, candidate: Candidate, ask: Ask) -> float:
        return 1.0 if ask.resident is None or ask.resident(candidate) else 0.0
