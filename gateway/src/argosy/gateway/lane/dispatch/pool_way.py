"""What the dispatcher keeps for one pool: its router, its retries, its memory of prompts.

Knows when a prompt's beginning is worth hashing. Does not know engines.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from argosy.api.registry.v1.registry_pb2 import Pool
from argosy.gateway.engines.replica import Replica
from argosy.gateway.lane.dispatch.budget import RetryBudget
from argosy.gateway.lane.request.completion import CompletionRequest
from argosy.gateway.routing.policy import Ask, Candidate
from argosy.gateway.routing.prefixes import Prefixes, beginnings
from argosy.gateway.routing.router import Router
from argosy.gateway.served_model import ServedModel

Members = tuple[Pool, tuple[Replica, ...]]


class Prompt:
    """A prompt as `ask` and `learn` know it. `length` is in bytes."""

    __slots__ = ("hashes", "length")

    def __init__(self, project_id: str, text: bytes) -> None:
        self.hashes = beginnings(project_id, text)
        self.length = len(text)


NO_PROMPT: Final = Prompt("", b"")


class PoolWay:
    """As long as the catalogue's pools stay the same; `before` is what there was till then."""

    def __init__(self, members: Members | None, router: Router, before: PoolWay | None) -> None:
        self.members = members
        self.replicas: tuple[Replica, ...] = members[1] if members else ()
        weights = members[0].weights if members else {}
        self.router = router.with_weights(weights) if weights else router
        self.budget: RetryBudget = before.budget if before else RetryBudget()
        self._prefixes: Prefixes = before._prefixes if before else Prefixes()
        self._by_prefix = len(self.replicas) > 1 and self.router.weights["prefix"] > 0

    def prompt(self, project_id: str, request: CompletionRequest) -> Prompt:
        """Return the prompt to route by; an empty one where there is no choice."""
        if not self._by_prefix:
            return NO_PROMPT
        fields = request.fields
        # Embeddings have no prefix: nothing of them stays in a cache.
        found = fields.get("messages") or fields.get("prompt")
        return NO_PROMPT if found is None else Prompt(project_id, bytes(found))

    def ask(
        self,
        model: ServedModel,
        now: float,
        *,
        tried: Collection[Replica] = (),
        resident: Callable[[Candidate], bool] | None = None,
        prompt: Prompt = NO_PROMPT,
    ) -> Ask:
        """Return what the router is asked."""
        hashes = prompt.hashes
        prefix = self._prefixes.shares(hashes, prompt.length) if hashes else {}
        return Ask(model.family, now, tried=tried, resident=resident, prefix=prefix)

    def learn(self, prompt: Prompt, replica: Replica) -> None:
        """The replica has read the prompt."""
        if prompt.hashes:
            self._prefixes.learn(prompt.hashes, replica.url)
