"""Puts policies together: all filters, the weighted sum of the scorers, one picker.

Two kinds of filters: what must hold, and what should. Where no replica passes both, those that must
hold decide alone: a replica that may fail is better than none.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from argosy.gateway.routing.adapter_residency import AdapterResidency
from argosy.gateway.routing.kv_cache import KVCacheRoom
from argosy.gateway.routing.not_busy import NotBusy
from argosy.gateway.routing.not_ejected import NotEjected
from argosy.gateway.routing.not_tried import NotTried
from argosy.gateway.routing.policy import Ask, C, Candidate, Filter, Picker, Scorer
from argosy.gateway.routing.prefix_affinity import PrefixAffinity
from argosy.gateway.routing.queue_depth import QueueDepth
from argosy.gateway.routing.ready import Ready
from argosy.gateway.routing.reliability import Reliability
from argosy.gateway.routing.serves_model import ServesModel
from argosy.gateway.routing.two_choices import TwoChoices
from argosy.gateway.routing.verdict import Verdict

Keep = Callable[[Candidate, Ask], bool]

# What `Pool.weights` may name, with what holds where it does not. A conversation stays with its
# cache, and an adapter where it is, until that replica has about 8 requests more than an idle one.
# A replica that fails is worse than any load.
WEIGHTS: Final[Mapping[str, float]] = {
    "queue_depth": 1.0,
    "kv_cache": 0.5,
    "prefix": 0.5,
    "residency": 0.5,
    "reliability": 2.0,
}


def wrong_weight(name: str, weight: float) -> str | None:
    """Return what is wrong with one entry of a pool's weights, or None."""
    if name not in WEIGHTS:
        return f"there is no scorer {name!r}; there are {', '.join(WEIGHTS)}"
    if not 0.0 <= weight <= 1000.0:
        return f"the weight of {name!r} is {weight:g}; it must be from 0 to 1000"
    return None


class Router:
    """Chooses a replica. `scorers` are by name, with their weights."""

    def __init__(
        self,
        must: Sequence[tuple[str, Filter]],
        should: Sequence[tuple[str, Filter]],
        scorers: Mapping[str, Scorer],
        weights: Mapping[str, float],
        picker: Picker,
    ) -> None:
        self._must = must
        self._should = should
        self._scorers = scorers
        self._weights = weights
        self._picker = picker
        self._keeps = [policy.keep for _, policy in must]
        self._prefers = [policy.keep for _, policy in (*should, *must)]
        self._scores = [
            (scorers[name].score, weight) for name, weight in weights.items() if weight > 0
        ]

    def with_weights(self, weights: Mapping[str, float]) -> Router:
        """Return a router with other weights; those not named, or wrong, stay."""
        valid = {n: w for n, w in weights.items() if wrong_weight(n, w) is None}
        return Router(
            self._must, self._should, self._scorers, {**self._weights, **valid}, self._picker
        )

    @property
    def weights(self) -> Mapping[str, float]:
        """The weights by scorer."""
        return self._weights

    def choose(self, candidates: Sequence[C], ask: Ask) -> C | None:
        """Return the replica to use, or None if none may serve."""

        if len(candidates) == 1:
            only = candidates[0]
            return only if _passes(self._keeps, only, ask) else None
        favourite = max(ask.prefix, key=ask.prefix.__getitem__) if ask.prefix else None

        def score(candidate: C) -> float:
            return self._total(candidate, ask)

        for keeps in (self._prefers, self._keeps):
            chosen = self._picker.pick(
                candidates, partial(_passes, keeps, ask=ask), score, favourite
            )
            if chosen is not None:
                return chosen
        return None

    def usable(self, candidates: Sequence[C], ask: Ask) -> list[C]:
        """Return all that may serve, without those to avoid unless there are only such."""
        found = [c for c in candidates if _passes(self._prefers, c, ask)]
        return found or [c for c in candidates if _passes(self._keeps, c, ask)]

    def explain(self, candidates: Sequence[Candidate], ask: Ask) -> list[Verdict]:
        """Return what each policy says of each candidate."""
        return [
            Verdict(
                url=candidate.url,
                refused_by=[n for n, f in self._must if not f.keep(candidate, ask)],
                avoided_by=[n for n, f in self._should if not f.keep(candidate, ask)],
                scores={n: s.score(candidate, ask) for n, s in self._scorers.items()},
                total=self._total(candidate, ask),
            )
            for candidate in candidates
        ]

    def _total(self, candidate: Candidate, ask: Ask) -> float:
        total = 0.0
        for score, weight in self._scores:
            found = score(candidate, ask)
            if not 0.0 <= found <= 1.0:
                raise ValueError(f"a scorer says {found} of {candidate.url}, outside of 0 to 1")
            total += weight * found
        return total


def _passes(keeps: Sequence[Keep], candidate: Candidate, ask: Ask) -> bool:
    for keep in keeps:  # noqa: SIM110 - a generator costs more than the policies themselves
        if not keep(candidate, ask):
            return False
    return True


def default_router(rng: random.Random) -> Router:
    """Return the router of production, with its default weights."""
    return Router(
        must=(("ready", Ready()), ("serves_model", ServesModel()), ("not_tried", NotTried())),
        should=(("not_ejected", NotEjected()), ("not_busy", NotBusy())),
        scorers={
            "queue_depth": QueueDepth(half_at=8),
            "kv_cache": KVCacheRoom(),
            "prefix": PrefixAffinity(),
            "residency": AdapterResidency(),
            "reliability": Reliability(),
        },
        weights=WEIGHTS,
        picker=TwoChoices(rng),
    )
