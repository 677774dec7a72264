"""Filter: the replica has not failed too often of late."""

from __future__ import annotations

from argosy.gateway.routing.policy import Candidate


class NotEjected:
    """Keeps replicas that passive ejection has not set aside."""

    def keep(self, candidate: Candidate) -> bool:
        return not candidate.ejected
