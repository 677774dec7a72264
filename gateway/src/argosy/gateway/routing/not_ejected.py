"""Filter: the replica has not failed too often of late."""

from __future__ import annotations

from argosy.gateway.routing.policy import Ask, Candidate


class NotEjected:
    """Keeps replicas that passive ejection has not set aside, and one request for a trial."""

    def keep(self, candidate: Candidate, ask: Ask) -> bool:
        return candidate.ejection.admits(ask.now)
