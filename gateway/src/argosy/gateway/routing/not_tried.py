"""Filter: the replica has not failed this very request already."""

from __future__ import annotations

from argosy.gateway.routing.policy import Ask, Candidate


class NotTried:
    """Keeps replicas that this request has not been to."""

    def keep(self, candidate: Candidate, ask: Ask) -> bool:
        return candidate not in ask.tried
