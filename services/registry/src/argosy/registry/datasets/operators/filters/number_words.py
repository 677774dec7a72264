"""Drops records with too few or too many words (in Chinese and Japanese, characters)."""

from __future__ import annotations

from typing import ClassVar

from argosy.registry.datasets.operators.policy import Filtering
from argosy.registry.datasets.operators.ranges import integer
from argosy.registry.datasets.operators.words import words
from argosy.registry.domain.rules import RuleBroken

_MOST = 10_000_000


class FilterCheckNumberWords(Filtering):
    """`filter_check_number_words`."""

    NAME: ClassVar[str] = "filter_check_number_words"

    def __init__(
        self, *, number_words_min_cutoff: int = 1, number_words_max_cutoff: int = 10_000
    ) -> None:
        self._low = integer(number_words_min_cutoff, "number_words_min_cutoff", 0, _MOST)
        self._high = integer(number_words_max_cutoff, "number_words_max_cutoff", 1, _MOST)
        if self._low > self._high:
            raise RuleBroken(
                f"number_words_min_cutoff ({self._low}) is over number_words_max_cutoff "
                f"({self._high}).",
                param="number_words_min_cutoff",
            )

    def passes(self, text: str) -> bool:
        """Tell whether the number of words is within the bounds."""
        return self._low <= len(words(text)) <= self._high
