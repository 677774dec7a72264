"""Scorer: room in the KV cache. A full one makes the engine drop requests and begin them anew."""

from __future__ import annotations

from argosy.gateway.routing.policy import Ask, Candidate


class KVCacheRoom:
    """The free share of the cache, as the engine last told it; 1 if it does not tell."""

    def score(self, candidate: Candidate, ask: Ask) -> float:
        return 1.0 - min(1.0, max(0.0, candidate.gauges.kv_cache_usage))
