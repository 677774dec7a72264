"""Drops records in which the same runs of characters come again and again."""

from __future__ import annotations

from typing import ClassVar

from argosy.registry.datasets.operators.policy import Filtering
from argosy.registry.datasets.operators.ranges import number
from argosy.registry.datasets.operators.repetition import character_repetition


class FilterCheckCharacterRepetitionRemoval(Filtering):
    """`filter_check_character_repetition_removal`."""

    NAME: ClassVar[str] = "filter_check_character_repetition_removal"

    def __init__(self, *, character_repetition_max_cutoff: float = 0.2) -> None:
        name = "character_repetition_max_cutoff"
        self._most = number(character_repetition_max_cutoff, name, 0, 1)

    def passes(self, text: str) -> bool:
        """Tell whether the share of repeated runs is within the bound."""
        return character_repetition(text) <= self._most
