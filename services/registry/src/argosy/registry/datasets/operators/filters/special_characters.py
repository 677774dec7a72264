"""Drops records that are mostly punctuation, symbols or emoji."""

from __future__ import annotations

from typing import ClassVar

from argosy.registry.datasets.operators.policy import Filtering
from argosy.registry.datasets.operators.ranges import number
from argosy.registry.datasets.operators.special_characters import special_character_ratio


class FilterCheckSpecialCharacters(Filtering):
    """`filter_check_special_characters`."""

    NAME: ClassVar[str] = "filter_check_special_characters"

    def __init__(self, *, special_characters_max_cutoff: float = 0.3) -> None:
        self._most = number(special_characters_max_cutoff, "special_characters_max_cutoff", 0, 1)

    def passes(self, text: str) -> bool:
        """Tell whether the share of special characters is within the bound."""
        return special_character_ratio(text) <= self._most
