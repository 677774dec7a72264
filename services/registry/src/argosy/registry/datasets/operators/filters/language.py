"""Drops records that are not in one of the wanted languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from argosy.registry.datasets.operators.languages import LANGUAGES, UNDECIDED, Languages
from argosy.registry.datasets.operators.policy import Filtering
from argosy.registry.datasets.operators.ranges import number
from argosy.registry.domain.rules import RuleBroken


class FilterCheckLangId(Filtering):
    """`filter_check_lang_id`; what is too short to be told stays."""

    NAME: ClassVar[str] = "filter_check_lang_id"

    def __init__(
        self, *, lang_id_min_cutoff: float = 0.5, languages: Sequence[str] = ("zh", "en")
    ) -> None:
        self._least = number(lang_id_min_cutoff, "lang_id_min_cutoff", 0, 1)
        if isinstance(languages, str) or not languages or not set(languages) <= set(LANGUAGES):
            raise RuleBroken(
                f"languages must be a list of: {', '.join(LANGUAGES)}.", param="languages"
            )
        self._wanted = tuple(languages)
        self._model = Languages()

    def passes(self, text: str) -> bool:
        """Tell whether the text is in a wanted language, as far as it can be told."""
        if self._model.guess(text).language == UNDECIDED:
            return True
        return self._model.probability(text, self._wanted) >= self._least
