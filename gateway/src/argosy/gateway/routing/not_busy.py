"""Filter: the engine has not asked to be left alone (`Retry-After` on its 429 or 503)."""

from __future__ import annotations

from argosy.gateway.routing.policy import Ask, Candidate


class NotBusy:
    """Keeps replicas whose own `Retry-After` has passed."""

    def keep(self, candidate: Candidate, ask: Ask) -> bool:
        return candidate.busy_until <= ask.now
