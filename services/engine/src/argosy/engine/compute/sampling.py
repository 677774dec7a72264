"""One token out of the logits of one row.

Order and meaning of the filters are vLLM's: penalties, temperature, min-p, top-k, top-p. A row of
temperature 0 takes the most likely token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from argosy.engine.asks import Sampling, TokenProbability
from argosy.engine.compute.weights import Defaults

_GREEDY: Final = 1e-5


class Sampler:
    """Chooses the tokens of one answer. `prompt` counts for the repetition penalty."""

    def __init__(
        self,
        sampling: Sampling,
        defaults: Defaults,
        prompt: Sequence[int],
        device: Any,
        number: int,
    ) -> None:
        """`number` tells the answers of one request apart."""

        def pick(name: str) -> Any:
            said = getattr(sampling, name)
            return getattr(defaults, name) if said is None else said

        self._temperature = float(pick("temperature"))
        self._top_p = float(pick("top_p"))
        self._top_k = int(pick("top_k"))
        self._min_p = float(pick("min_p"))
        self._repetition = float(pick("repetition_penalty"))
        self._asked = sampling
        self._seen = set(prompt)
        self._counts: dict[int, int] = {}
        self._random = torch.Generator(device=device)
        if sampling.seed is None:
            self._random.seed()
        else:
            # Each answer of a request has a seed of its own.
            self._random.manual_seed((sampling.seed + number) % 2**63)
        self._banned: list[int] = []

    def ban(self, tokens: Sequence[int]) -> None:
        """Never choose these, until told otherwise."""
        self._banned = list(tokens)

    def choose(self, logits: torch.Tensor) -> int:
        """Return the next token; `logits` is one row in float32, and may be changed."""
        scores = self._shaped(logits)
        if self._temperature < _GREEDY:
            token = int(scores.argmax())
        else:
            chances = torch.softmax(self._filtered(scores / self._temperature), -1)
            token = int(torch.multinomial(chances, 1, generator=self._random))
        self._counts[token] = self._counts.get(token, 0) + 1
        return token

    def _shaped(self, scores: torch.Tensor) -> torch.Tensor:
        asked = self._asked
        if self._repetition != 1.0:
            seen = torch.tensor(sorted(self._seen | self._counts.keys()), device=scores.device)
            found = scores[seen]
            scores[seen] = torch.where(
                found > 0, found / self._repetition, found * self._repetition
            )
        if self._counts and (asked.frequency_penalty or asked.presence_penalty):
            tokens = torch.tensor(list(self._counts), device=scores.device)
            counts = torch.tensor(list(self._counts.values()), device=scores.device).float()
            scores[tokens] -= asked.frequency_penalty * counts + asked.presence_penalty
        for token, bias in asked.logit_bias.items():
            if token < len(scores):
                scores[token] += bias
        if asked.allowed_tokens:
            kept = torch.tensor(
                [t for t in asked.allowed_tokens if t < len(scores)], device=scores.device
            )
            masked = torch.full_like(scores, -torch.inf)
            masked[kept] = scores[kept]
            scores = masked
        if self._banned:
            scores[torch.tensor(self._banned, device=scores.device)] = -torch.inf
        return scores

    def _filtered(self, scores: torch.Tensor) -> torch.Tensor:
        if self._min_p > 0:
            chances = torch.softmax(scores, -1)
            scores = scores.masked_fill(chances < self._min_p * chances.max(), -torch.inf)
        if 0 < self._top_k < len(scores):
            least = torch.topk(scores, self._top_k).values[-1]
            scores = scores.masked_fill(scores < least, -torch.inf)
        if self._top_p < 1:
            ordered, order = torch.sort(scores, descending=True)
            chances = torch.softmax(ordered, -1)
            # The first one stays, whatever top_p is.
            late = torch.cumsum(chances, -1) - chances >= max(self._top_p, 1e-9)
            scores = scores.index_fill(0, order[late], -torch.inf)
        return scores


def told(logits: torch.Tensor, token: int, alternatives: int, tokenizer: Any) -> TokenProbability:
    """Return the probability of the chosen token and of the most likely ones, before sampling."""
    found = torch.log_softmax(logits, -1)
    others: tuple[tuple[str, float], ...] = ()
    if alternatives:
        best = torch.topk(found, min(alternatives, len(found)))
        others = tuple(
            (tokenizer.decode([int(t)]), float(p))
            for t, p in zip(best.indices, best.values, strict=True)
        )
    return TokenProbability(tokenizer.decode([token]), float(found[token]), others)
