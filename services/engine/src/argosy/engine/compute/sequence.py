"""One answer under way: its prompt, its tokens so far, and when it is done.

Belongs to the worker's thread; the event loop only sets `abandoned` and gets pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from argosy.engine.asks import Ask, Piece
from argosy.engine.compute.sampling import Sampler, told
from argosy.engine.compute.text import Text
from argosy.engine.compute.weights import Weights
from argosy.engine.errors import EngineError


@dataclass(frozen=True, slots=True)
class Means:
    """What a model needs to answer: weights, whose adapter, and embeddings before the prompt."""

    weights: Weights
    adapter: str = ""
    prompt: torch.Tensor | None = None

    @property
    def virtual(self) -> int:
        """Tokens that stand before every prompt."""
        return 0 if self.prompt is None else len(self.prompt)


class Sequence:
    """`tell(piece or error)` hears what comes, from the worker's thread."""

    def __init__(
        self,
        means: Means,
        tokens: list[int],
        ask: Ask,
        choice: int,
        tell: Callable[[Piece | EngineError], None],
    ) -> None:
        self.means = means
        self.tokens = tokens
        self.choice = choice
        self.tell = tell
        self.abandoned = False
        self.done = False
        # What the next step reads, and how much of the prompt was read.
        self.last = 0
        self.read = 0
        # Keys and values, or a recurrent state, while the prompt is read and where it stays alone.
        self.memory: Any = None
        self.memory_length = 0
        self._ask = ask
        ending = ask.ending
        weights = means.weights
        left = weights.context - means.virtual - len(tokens)
        self._left = left if ending.most is None else min(left, ending.most)
        self._sampler = Sampler(ask.sampling, weights.defaults, tokens, weights.device, choice)
        self._ends = frozenset() if ending.ignore_end else weights.ends
        self._count = 0
        self._text = Text(weights.tokenizer, show_special=ending.show_special, stops=ending.stops)
        if ending.least:
            self._sampler.ban([*weights.ends, *ending.stop_tokens])
        self._echo = ""
        if ask.echo:
            self._echo = weights.tokenizer.decode(tokens, skip_special_tokens=True)

    @property
    def length(self) -> int:
        """Tokens of the prompt, virtual ones too."""
        return self.means.virtual + len(self.tokens)

    def accept(self, logits: torch.Tensor) -> None:
        """Choose the next token from one row of logits, and tell what it adds."""
        ending, asked = self._ask.ending, self._ask.sampling.logprobs
        row = logits.float()
        token = self._sampler.choose(row.clone() if asked is not None else row)
        tokenizer = self.means.weights.tokenizer
        chances = () if asked is None else (told(row, token, asked, tokenizer),)
        self._count += 1
        if self._count == ending.least:
            self._sampler.ban([])
        self.last = token
        text, finish, reason = self._add(token)
        if finish is None and self._count >= self._left:
            text, finish = text + self._text.rest(), "length"
        self.done = finish is not None
        text, self._echo = self._echo + text, ""
        self.tell(Piece(self.choice, text, 1, chances, finish, reason))

    def _add(self, token: int) -> tuple[str, str | None, str | int | None]:
        """Return what the token adds to the text, whether that ends it, and why."""
        ending = self._ask.ending
        if token in ending.stop_tokens or token in self._ends:
            named = token in ending.stop_tokens
            if named and ending.show_stop:
                self._text.add(token)
            return self._text.rest(), "stop", token if named else None
        self._text.add(token)
        text, stop = self._text.take(show_stop=ending.show_stop)
        return text, None if stop is None else "stop", stop
