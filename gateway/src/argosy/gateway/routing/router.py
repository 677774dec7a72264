"""Puts policies together: all filters, the weighted sum of the scorers, one picker."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from argosy.gateway.routing.adapter_residency import AdapterResidency
from argosy.gateway.routing.best import Best
from argosy.gateway.routing.load import Load
from argosy.gateway.routing.not_ejected import NotEjected
from argosy.gateway.routing.policy import Candidate, Filter, Picker, Scorer
from argosy.gateway.routing.ready import Ready


class Router:
    """Chooses a replica. `scorers` are pairs of a scorer and its weight."""

    def __init__(
        self,
        filters: Sequence[Filter],
        scorers: Sequence[tuple[Scorer, float]],
        picker: Picker,
    ) -> None:
        self._filters = filters
        self._scorers = scorers
        self._picker = picker

    def choose(self, candidates: Iterable[Candidate]) -> Candidate | None:
        """Return the replica to use, or None if no candidate passes the filters."""
        kept = [c for c in candidates if all(f.keep(c) for f in self._filters)]
        if not kept:
            return None
        return self._picker.pick([(c, self._total(c)) for c in kept])

    def _total(self, candidate: Candidate) -> float:
        total = 0.0
        for scorer, weight in self._scorers:
            score = scorer.score(candidate)
            if not 0.0 <= score <= 1.0:
                raise ValueError(f"{type(scorer).__name__} scored {score}, outside of 0 to 1")
            total += weight * score
        return total


def default_router(rng: random.Random) -> Router:
    """Return the router of production.

    Residency weighs half as much as load: an adapter stays where it is until that replica has
    about `half_at` requests more than an idle one, and then spreads.
    """
    return Router(
        filters=(Ready(), NotEjected()),
        scorers=((AdapterResidency(), 0.5), (Load(half_at=8), 1.0)),
        picker=Best(rng),
    )
