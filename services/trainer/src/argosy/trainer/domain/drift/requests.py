"""A request as drift sees it: its features, and its words.

The same is read from a record of the training data and from a stored completion. Knows texts.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from argosy.trainer.domain.evaluation.words import words


@dataclass(frozen=True, slots=True)
class Request:
    """`id` names it: a completion's id, or the line of a record. `rating` is up, down or empty."""

    id: str
    question: str
    answer: str
    turns: int
    rating: str = ""

    @classmethod
    def of(
        cls, name: str, messages: Sequence[Mapping[str, Any]], answer: str, rating: str = ""
    ) -> Request:
        said = [m["content"] for m in messages if m.get("role") == "user"]
        texts = [text for text in said if isinstance(text, str)]
        return cls(name, texts[-1] if texts else "", answer, len(messages), rating)

    @property
    def language(self) -> str:
        """Return which script most of the question is in: enough to tell that it changed."""
        letters = [sign for sign in self.question if sign.isalpha()]
        far = sum(sign >= "\u2e80" for sign in letters)
        if not letters:
            return "none"
        return "east_asian" if 2 * far > len(letters) else "other"

    @property
    def pieces(self) -> frozenset[str]:
        """Return what the question is about: its words, and pairs of neighbours among signs that
        are words by themselves and say little alone."""
        said = words(self.question)
        pairs = {a + b for a, b in itertools.pairwise(said) if len(a) == len(b) == 1}
        return frozenset({word for word in said if len(word) > 1} | pairs)
