"""Filter: the engine knows the model by this name."""

from __future__ import annotations

from argosy.gateway.routing.policy import Ask, Candidate


class ServesModel:
    """Keeps replicas that list the model, and those that do not care for names."""

    def keep(self, candidate: Candidate, ask: Ask) -> bool:
        serves = candidate.serves
        return serves is None or ask.model in serves
