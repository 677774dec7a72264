"""Filter: the replica's last health probe passed."""

from __future__ import annotations

from argosy.gateway.routing.policy import Ask, Candidate


class Ready:
    """Keeps replicas that answer their health probe."""

    def keep(self, candidate: Candidate, ask: Ask) -> bool:
        return candidate.ready
