"""Scorer: the replica has seen the beginning of this prompt and may still have it in its cache."""

from __future__ import annotations

from argosy.gateway.routing.policy import Ask, Candidate


class PrefixAffinity:
    """The share of the prompt that the replica need not read again."""

    def score(self, candidate: Candidate, ask: Ask) -> float:
        return ask.prefix.get(candidate.url, 0.0)
