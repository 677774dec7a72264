"""Drops records in which the same runs of words come again and again."""

from __future__ import annotations

from typing import ClassVar

from argosy.registry.datasets.operators.policy import Filtering
from argosy.registry.datasets.operators.ranges import number
from argosy.registry.datasets.operators.repetition import word_repetition


class FilterCheckWordRepetitionRemoval(Filtering):
    """`filter_check_word_repetition_removal`."""

    NAME: ClassVar[str] = "filter_check_word_repetition_removal"

    def __init__(self, *, word_repetition_max_cutoff: float = 0.96) -> None:
        self._most = number(word_repetition_max_cutoff, "word_repetition_max_cutoff", 0, 1)

    def passes(self, text: str) -> bool:
        """Tell whether the share of repeated runs is within the bound."""
        return word_repetition(text) <= self._most
